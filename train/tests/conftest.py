"""A model small enough to train in a test, and images that need no download."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from reverie_train.config import Config, load_config
from reverie_train.data import Dataset

CONFIGS = Path(__file__).parents[1] / "configs"


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def config() -> Config:
    digits = load_config(CONFIGS / "digits.toml")
    return replace(
        digits,
        unet=digits.unet
        | {
            "sample_size": 8,
            "block_out_channels": [8, 8, 16],
            "norm_num_groups": 4,
            "attention_head_dim": 8,
            "num_class_embeds": 4,
        },
        training=replace(
            digits.training, images=48, batch_size=8, warmup_images=16, mixed_precision="no"
        ),
    )


@pytest.fixture
def data() -> Dataset:
    """Three classes of 8x8 images: a bright quarter each."""
    labels = torch.arange(30) % 3
    images = torch.full((30, 1, 8, 8), -1.0)
    images[labels == 0, :, :4, :4] = 1
    images[labels == 1, :, 4:, :4] = 1
    images[labels == 2, :, :4, 4:] = 1
    return Dataset(images, labels, ["a", "b", "c"], licence="none", credits="none")
