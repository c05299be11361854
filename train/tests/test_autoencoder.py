import json
from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator
from conftest import CONFIGS
from diffusers import AutoencoderKL
from safetensors.torch import load_file

from reverie_train.config import Config, Focus, load_config
from reverie_train.evaluation.measures import psnr
from reverie_train.export import export
from reverie_train.loop import Trainer
from reverie_train.tasks.autoencoder import AutoencoderTask, Reconstruction, preview


@pytest.fixture
def autoencoding() -> Config:
    config = load_config(CONFIGS / "autoencoder.toml")
    small = config.tables["autoencoder"] | {"block_out_channels": [8, 8, 8], "norm_num_groups": 4}
    training = replace(
        config.training,
        images=1000,
        batch_size=8,
        warmup_images=8,
        focus=Focus(rows=(2, 4), columns=(1, 7), weight=4.0),
        mixed_precision="no",
    )
    return replace(config, tables=config.tables | {"autoencoder": small}, training=training)


@pytest.fixture
def task(autoencoding, wishing) -> AutoencoderTask:
    torch.manual_seed(0)
    return AutoencoderTask(autoencoding, wishing, wishing)


def test_what_is_seen_again_and_again_is_learned(task):
    trainer = Trainer(task, task.config.training, Accelerator())
    before = trainer.figures()["psnr"]
    losses = [trainer.step().item() for _ in range(80)]
    assert sum(losses[-5:]) < 0.75 * sum(losses[:5])
    assert psnr_of(task) > before


def psnr_of(task: AutoencoderTask) -> float:
    with torch.no_grad():
        return task.figures(task.model, torch.Generator())["psnr"]


def test_a_resumed_run_equals_an_unbroken_one(autoencoding, wishing, tmp_path):
    def trainer() -> Trainer:
        torch.manual_seed(0)
        task = AutoencoderTask(autoencoding, wishing, wishing)
        return Trainer(task, autoencoding.training, Accelerator())

    unbroken, broken, resumed = trainer(), trainer(), trainer()
    losses = [unbroken.step().item() for _ in range(4)]
    again = [broken.step().item() for _ in range(2)]
    broken.save(tmp_path / "checkpoint.pt")
    resumed.load(tmp_path / "checkpoint.pt")
    assert again + [resumed.step().item() for _ in range(2)] == losses
    for expected, weight in zip(unbroken.parameters, resumed.parameters, strict=True):
        assert torch.equal(expected, weight)


def test_an_export_is_diffusers_and_its_code_has_a_deviation_of_one(task, tmp_path):
    trainer = Trainer(task, task.config.training, Accelerator())
    for _ in range(3):
        trainer.step()
    trainer.save(tmp_path / "checkpoint.pt")
    facts = export(task, tmp_path / "checkpoint.pt", tmp_path / "model")
    vae = AutoencoderKL.from_pretrained(
        tmp_path / "model", subfolder="vae", torch_dtype=torch.float32
    ).eval()
    golden = load_file(tmp_path / "model" / "golden.safetensors")
    with torch.no_grad():
        posterior = vae.encode(golden["sample"]).latent_dist
        decoded = vae.decode(golden["latent"]).sample
        codes = vae.encode(task.data.pixels(slice(None))).latent_dist.sample()
    torch.testing.assert_close(posterior.parameters, golden["moments"], rtol=0, atol=1e-5)
    torch.testing.assert_close(decoded, golden["decoded"], rtol=0, atol=1e-5)
    assert (vae.config.scaling_factor * codes).std().item() == pytest.approx(1, rel=0.05)
    assert json.loads((tmp_path / "model" / "reverie.json").read_text()) == facts
    assert facts["artists"] == ["A. Nother"]
    assert [len(row) for row in facts["latent_preview"]["matrix"]] == [4, 4, 4]


def test_a_preview_finds_the_colours_that_a_code_holds():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(6, 4, 2, 2, generator=generator)
    matrix, bias = torch.randn(3, 4, generator=generator), torch.tensor([0.1, -0.2, 0.3])
    colours = torch.einsum("ij,njhw->nihw", matrix, codes) + bias[:, None, None]
    pictures = colours.repeat_interleave(4, 2).repeat_interleave(4, 3)
    found = preview(codes, pictures)
    torch.testing.assert_close(torch.tensor(found["matrix"]), matrix)
    torch.testing.assert_close(torch.tensor(found["bias"]), bias)


def test_hues_weigh_more_and_grey_does_not():
    plain, weighing = Reconstruction(), Reconstruction(chroma=3.0)
    everywhere = torch.ones(4, 4)
    grey = torch.full((1, 3, 4, 4), 0.5)
    red = torch.zeros(1, 3, 4, 4)
    red[:, 0] = 0.5
    assert plain(grey, everywhere).item() == pytest.approx(0.5 / 3, abs=1e-5)
    assert weighing(grey, everywhere).item() == pytest.approx(0.5 / 3, abs=1e-5)
    luma, chroma = 0.299, 0.168736 + 0.5
    assert plain(red, everywhere).item() == pytest.approx(0.5 * (luma + chroma) / 3)
    assert weighing(red, everywhere).item() == pytest.approx(0.5 * (luma + 3 * chroma) / 3)


def test_edges_count_where_neighbours_differ():
    error = torch.zeros(1, 3, 4, 4)
    error[:, :, 1] = 1.0  # grey: of one row, which differs from the two beside it
    difference = Reconstruction(edges=1.0)(error, torch.ones(4, 4)) - error.mean() / 3
    assert difference.item() == pytest.approx(2 / 3 / 3)


def test_psnr_is_in_decibels_of_the_range():
    images = torch.zeros(1, 3, 2, 2)
    assert psnr(images + 0.2, images) == pytest.approx(20.0, abs=1e-4)
