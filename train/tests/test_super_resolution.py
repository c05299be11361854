import json
from dataclasses import replace

import pytest
import torch
from conftest import CONFIGS, overfit, shrunk
from diffusers import DDPMPipeline, DDPMScheduler
from safetensors.torch import load_file

from reverie_train.config import load_config
from reverie_train.data import DataError, box
from reverie_train.export import export
from reverie_train.loop import train
from reverie_train.tasks.super_resolution import SuperResolution, enlarge


def upright(wishing):
    """The fixture's pictures, twice as high as wide."""
    return replace(wishing, images=wishing.images[:, :, :, :4])


def super_resolution(data, name="figures-sr"):
    config = shrunk(name, sample_size=[8, 4], block_out_channels=[8, 8, 8, 16])
    unet = config.unet | {
        "down_block_types": config.unet["down_block_types"][:2],
        "up_block_types": config.unet["up_block_types"][:2],
        "block_out_channels": [8, 16],
    }
    return SuperResolution(replace(config, unet=unet), data)


def test_it_learns_a_batch_and_diffusers_opens_it(wishing, tmp_path):
    data = upright(wishing)
    first, last = overfit(super_resolution(data), steps=60)
    assert last < 0.6 * first

    task = super_resolution(data)
    train(task, task.config.training, tmp_path / "run")
    assert (tmp_path / "run/samples.png").stat().st_size > 0
    facts = export(task, tmp_path / "run/checkpoint.pt", tmp_path / "out")
    assert facts["low_res"]["last_noise_level"] == 300
    assert facts["artists"] == ["A. Nother"]
    assert json.loads((tmp_path / "out/reverie.json").read_text()) == facts
    unet = DDPMPipeline.from_pretrained(tmp_path / "out").unet.float().eval()
    assert unet.config.in_channels == 6
    golden = load_file(tmp_path / "out/golden.safetensors")
    expected = golden.pop("output")
    with torch.no_grad():
        torch.testing.assert_close(unet(**golden).sample, expected, rtol=0, atol=1e-5)
    noising = DDPMScheduler.from_pretrained(tmp_path / "out", subfolder="image_noising_scheduler")
    assert noising.config.beta_schedule == "squaredcos_cap_v2"


def test_the_low_picture_is_noised_before_it_is_enlarged(wishing):
    task = super_resolution(upright(wishing))
    clean = task.data.pixels(slice(4))
    levels = torch.tensor([0, 0, 300, 300])
    low = task.low(clean, levels, torch.Generator().manual_seed(0))
    assert torch.equal(enlarge(box(low, 2), 2), low)
    error = (low - enlarge(box(clean, 2), 2)).square().mean(dim=(1, 2, 3)).sqrt()
    assert error[:2].max() < 0.02
    assert error[2:].min() > 0.2


def test_without_augmentation_the_level_is_always_nought(wishing):
    task = super_resolution(upright(wishing), "figures-sr-trusting")
    seen = []
    low = task.low
    task.low = lambda clean, level, generator: seen.append(level) or low(clean, level, generator)
    task.loss(task.model, 0, 8, torch.Generator().manual_seed(0))
    assert seen[0].tolist() == [0] * 8


def test_pictures_are_averaged_over_squares(wishing):
    small = wishing.shrunk(2)
    assert small.images.shape == (30, 3, 4, 4)
    assert torch.equal(enlarge(small.images.float(), 2).to(torch.uint8), wishing.images)
    with pytest.raises(DataError, match="3th"):
        wishing.shrunk(3)


def test_the_networks_are_those_of_the_design():
    config = load_config(CONFIGS / "figures-sr.toml")
    plain = load_config(CONFIGS / "figures-sr-trusting.toml")
    assert (config.unet, config.training) == (plain.unet, plain.training)
    assert load_config(CONFIGS / "figures-base.toml").unet["sample_size"] == [32, 16]
