"""The folders in www/models, as someone else's Python reads them."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import DDPMPipeline, UNet2DModel
from safetensors.torch import load_file

MODELS = Path(__file__).parents[2] / "www" / "models"
NAMES = [path.parent.name for path in MODELS.glob("*/model_index.json")]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_model_loads_and_matches_its_golden_output(name):
    folder = MODELS / name
    pipeline = DDPMPipeline.from_pretrained(folder)
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    unet = UNet2DModel.from_pretrained(folder, subfolder="unet", torch_dtype=torch.float32).eval()
    golden = load_file(folder / "golden.safetensors")
    expected = golden.pop("output")
    with torch.no_grad():
        torch.testing.assert_close(unet(**golden).sample, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_model_has_its_card_and_figures(name):
    folder = MODELS / name
    facts = json.loads((folder / "reverie.json").read_text())
    card = (folder / "README.md").read_text()
    assert facts["licence"] in card
    assert all(artist in card for artist in facts["artists"])
    figures = json.loads((folder / "evaluation.json").read_text())
    assert f"{figures['frechet_distance']['4_steps']:.2f}" in card
    assert sum(path.stat().st_size for path in folder.rglob("*.*")) < 9e6
