import json
from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator
from diffusers import DDIMScheduler, DDPMPipeline, DDPMScheduler, UNet2DModel
from safetensors.torch import load_file

from reverie_train.condition import load_denoiser
from reverie_train.evaluation.samples import Recipe, Sampler
from reverie_train.export import export
from reverie_train.loop import Trainer, train
from reverie_train.tasks.denoise import Denoise


def exported(config, data, folder):
    trainer = Trainer(Denoise(config, data), config.training, Accelerator())
    for _ in range(3):
        trainer.step()
    trainer.save(folder / "checkpoint.pt")
    export(Denoise(config, data), folder / "checkpoint.pt", folder / "model")
    return trainer, folder / "model"


def matches_its_golden(folder):
    unet = UNet2DModel.from_pretrained(folder, subfolder="unet", torch_dtype=torch.float32)
    golden = load_file(folder / "golden.safetensors")
    expected = golden.pop("output")
    with torch.no_grad():
        output = unet.eval()(**golden).sample
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-5)


def test_an_export_loads_in_diffusers_and_matches_its_golden(config, data, tmp_path):
    trainer, folder = exported(config, data, tmp_path)
    stored = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    names = (name.removeprefix("unet.") for name, _ in trainer.task.model.named_parameters())
    average = dict(zip(names, trainer.ema.shadow_params, strict=True))
    assert all(torch.equal(average[name].half(), tensor) for name, tensor in stored.items())
    matches_its_golden(folder)
    for kind in (DDIMScheduler, DDPMScheduler):
        scheduler = kind.from_pretrained(folder, subfolder="scheduler")
        assert scheduler.config.prediction_type == "v_prediction"
    assert DDPMPipeline.from_pretrained(folder).unet.config.num_class_embeds == 4

    facts = json.loads((folder / "reverie.json").read_text())
    assert facts["null_label"] == 3
    assert facts["images_seen"] == 24
    assert facts["class_names"] == ["a", "b", "c"]
    assert not (folder / "attributes.json").exists()

    labels = torch.tensor([[0], [1], [2]])
    samples = Sampler(folder, processes=1)(labels, Recipe(steps=2, guidance_scale=2.0, seed=0))
    assert samples.shape == (3, 1, 8, 8)


def test_attributes_travel_beside_the_network(wishing_config, wishing, tmp_path):
    trainer, folder = exported(wishing_config, wishing, tmp_path)
    matches_its_golden(folder)
    tables = load_file(folder / "attributes.safetensors")
    assert {name: list(table.shape) for name, table in tables.items()} == {
        "half": [3, 32],
        "colour": [4, 32],
    }
    described = json.loads((folder / "attributes.json").read_text())["attributes"]
    assert described[0] == {"name": "half", "title": "Half", "values": ["upper", "lower"]}
    facts = json.loads((folder / "reverie.json").read_text())
    assert "class_names" not in facts
    assert facts["artists"] == ["A. Nother"]

    denoiser = load_denoiser(folder)
    labels = torch.tensor([[1, 3]])
    expected = (tables["half"][1].float() + tables["colour"][3].float())[None]
    torch.testing.assert_close(denoiser.condition(labels), expected)
    shadow = trainer.ema.shadow_params
    assert sum(torch.equal(tables["half"].float(), p.half().float()) for p in shadow) == 1


@pytest.mark.parametrize("kind", ["classes", "wishes"])
def test_snapshots_are_unets_of_their_own(kind, request, tmp_path):
    names = ("config", "data") if kind == "classes" else ("wishing_config", "wishing")
    config, data = (request.getfixturevalue(name) for name in names)
    task = Denoise(config, data)
    # What is written is f32's, whatever it was trained in.
    training = replace(config.training, snapshots=[9, 24, 40], mixed_precision="bf16")
    train(task, training, tmp_path / "run")
    facts = export(task, tmp_path / "run/checkpoint.pt", tmp_path / "model")
    assert facts["checkpoints"] == [16, 24, 40]
    matches_its_golden(tmp_path / "model")
    weights = []
    for images in (16, 24, 40):
        folder = tmp_path / f"model/checkpoints/{images}"
        unet = UNet2DModel.from_pretrained(folder, subfolder="unet")
        weights.append(unet.conv_in.weight)
        assert (folder / "attributes.safetensors").exists() == (kind == "wishes")
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[1], weights[2])


def test_an_interrupted_export_leaves_the_last_one(config, data, tmp_path, monkeypatch):
    _, folder = exported(config, data, tmp_path)
    before = (folder / "golden.safetensors").read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reverie_train.tasks.denoise.save_file", full_disk)
    with pytest.raises(OSError, match="last one is intact"):
        export(Denoise(config, data), tmp_path / "checkpoint.pt", folder)
    assert (folder / "golden.safetensors").read_bytes() == before
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["checkpoint.pt", "model"]
