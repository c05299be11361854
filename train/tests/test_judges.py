import json
from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator
from conftest import CONFIGS, overfit, shrunk
from diffusers import UNet2DModel
from safetensors.torch import load_file

from reverie_train.config import load_config
from reverie_train.data import Attribute
from reverie_train.diffusion import timestep_of
from reverie_train.encoder import UNet2DEncoder, gflop, load_encoder
from reverie_train.export import export
from reverie_train.fakes import Fakes, draw, load_fakes
from reverie_train.fakes import Recipe as FakesRecipe
from reverie_train.loop import Trainer, train
from reverie_train.network import build_scheduler, parameter_count
from reverie_train.tasks.denoise import Denoise
from reverie_train.tasks.discriminator import Discriminator
from reverie_train.tasks.judge import Judge

CLASSES = [Attribute("class", "Class", [str(i) for i in range(10)])]


def judge(data, name="judge-digits"):
    channels = data.images.shape[1]
    return Judge(shrunk(name, in_channels=channels), data, data)


def fakes_of(data):
    """Grey noise."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, data.images.shape, generator=generator, dtype=torch.uint8)
    return Fakes(images, data.labels[:, 0])


def discriminator(data):
    config = shrunk("discriminator-fashion", num_class_embeds=4)
    return Discriminator(config, data, data, fakes_of(data))


@pytest.mark.parametrize(
    ("name", "parameters", "cost"),
    [("judge-digits", 440_000, 0.112), ("judge-portraits", 760_000, 0.153)],
)
def test_a_judge_fits_its_budget(name, parameters, cost):
    encoder = UNet2DEncoder(CLASSES, **load_config(CONFIGS / f"{name}.toml").unet)
    assert parameter_count(encoder) <= parameters
    assert gflop(encoder) <= cost


def test_an_encoder_is_the_first_half_of_a_unet():
    config = load_config(CONFIGS / "judge-digits.toml").unet
    encoder, unet = UNet2DEncoder(CLASSES, **config), UNet2DModel(**config)
    ours, theirs = encoder.state_dict(), unet.state_dict()
    extra = {name for name in ours if name not in theirs}
    assert extra == {"head.weight", "head.bias"}
    missing = {name.split(".")[0] for name in theirs if name not in ours}
    assert missing == {"up_blocks", "conv_out"}
    assert encoder.conv_norm_out.num_channels == 64


@pytest.mark.parametrize("kind", ["data", "wishing"])
def test_a_judge_learns_a_batch_and_is_exported(kind, request, tmp_path):
    data = request.getfixturevalue(kind)
    task = judge(data)
    first, last = overfit(task, steps=60)
    assert last < 0.6 * first

    training = replace(task.config.training, figures_every=16)
    train(judge(data), training, tmp_path / "run")
    log = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert [line["images"] for line in log] == [16, 32, 48]
    facts = export(judge(data), tmp_path / "run/checkpoint.pt", tmp_path / "out")
    names = [attribute.name for attribute in data.attributes]
    assert list(facts["accuracy_at_sigma"]["0.25"]) == names

    folder = tmp_path / "out" / "classifier"
    described = json.loads((folder / "config.json").read_text())
    assert described["_class_name"] == "UNet2DEncoder"
    assert [head["name"] for head in described["heads"]] == names
    weights = load_file(folder / "diffusion_pytorch_model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    golden = load_file(folder / "golden.safetensors")
    sample, encoder = golden["sample"].requires_grad_(), load_encoder(folder)
    logits = encoder(sample, golden["timestep"])
    torch.testing.assert_close(logits, golden["logits"], rtol=0, atol=1e-5)
    parts = logits.split(encoder.widths, dim=1)
    sum(part.log_softmax(1)[:, 0].sum() for part in parts).backward()
    torch.testing.assert_close(sample.grad, golden["gradient"], rtol=0, atol=1e-5)


def test_what_a_picture_does_not_show_is_not_learned(wishing):
    hidden = wishing.visible.clone()
    hidden[:, 1] = False
    task = judge(replace(wishing, visible=hidden))
    task.loss(task.model, 0, 8, torch.Generator().manual_seed(0)).backward()
    half, colour = task.model.head.weight.grad.split([2, 3])
    assert colour.abs().max() == 0
    assert half.abs().max() > 0


def test_a_level_has_its_timestep():
    scheduler = build_scheduler(load_config(CONFIGS / "judge-digits.toml"))
    for sigma in (0.25, 1.0, 10.0):
        alpha_cumprod = scheduler.alphas_cumprod[timestep_of(scheduler, sigma)]
        assert (1 / alpha_cumprod - 1).sqrt().item() == pytest.approx(sigma, rel=0.01)


def test_a_discriminator_tells_data_from_noise_and_keeps_its_best(data, tmp_path):
    task = discriminator(data)
    first, last = overfit(task, steps=60)
    assert last < 0.6 * first

    task = discriminator(data)
    training = replace(task.config.training, images=64, figures_every=8)
    train(task, training, tmp_path / "run")
    log = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    losses = {line["images"]: line["held_out_loss"] for line in log}
    state = torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)
    least = min(losses, key=losses.get)
    assert state["progress"]["least_at"] == least
    assert len(state["best"]) == len(list(task.model.parameters()))
    facts = export(discriminator(data), tmp_path / "run/checkpoint.pt", tmp_path / "out")
    assert facts["held_out_loss"] == pytest.approx(losses[least], abs=0.1)
    golden = load_file(tmp_path / "out/discriminator/golden.safetensors")
    encoder = load_encoder(tmp_path / "out/discriminator")
    logits = encoder(golden["sample"], golden["timestep"], golden["class_labels"])
    torch.testing.assert_close(logits, golden["logits"], rtol=0, atol=1e-5)


def test_the_best_weights_are_kept_when_later_ones_are_worse(data):
    task = discriminator(data)
    trainer = Trainer(task, task.config.training, Accelerator())
    values = iter([0.5, 0.2, 0.7])
    task.figures = lambda model, generator: {"held_out_loss": next(values)}
    kept = []
    for _ in range(3):
        trainer.step()
        kept.append([average.clone() for average in trainer.ema.shadow_params])
        trainer.figures()
    assert trainer.progress.least_at == 16
    assert all(map(torch.equal, trainer.best, kept[1]))
    assert not all(map(torch.equal, trainer.best, kept[2]))


def test_fakes_are_drawn_once(config, data, tmp_path):
    trainer = Trainer(Denoise(config, data), config.training, Accelerator())
    trainer.save(tmp_path / "checkpoint.pt")
    export(trainer.task, tmp_path / "checkpoint.pt", tmp_path / "model")
    table = {"model": str(tmp_path / "model"), "images": 7, "steps": 2, "guidance_scale": 1.0}
    asked = replace(shrunk("discriminator-fashion"), tables={"fakes": table})
    fakes = load_fakes(asked, tmp_path, torch.device("cpu"))
    assert fakes.images.shape == (7, 1, 8, 8)
    assert fakes.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    again = draw(FakesRecipe(**table), torch.device("cpu"))
    assert torch.equal(fakes.images, again.images)
    (tmp_path / "model").rename(tmp_path / "gone")
    assert torch.equal(load_fakes(asked, tmp_path, torch.device("cpu")).images, fakes.images)
    with pytest.raises(ValueError, match="table fakes"):
        load_fakes(replace(asked, tables={}), tmp_path, torch.device("cpu"))
