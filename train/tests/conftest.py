"""Models small enough to train in a test, and images that need no download."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState

from reverie_train.config import Config, Focus, load_config
from reverie_train.data import Attribute, Dataset
from reverie_train.loop import Task

CONFIGS = Path(__file__).parents[1] / "configs"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    torch.set_num_threads(1)
    yield
    AcceleratorState._reset_state()  # or one test's precision would be the next one's


def shrunk(name: str, **unet: object) -> Config:
    config = load_config(CONFIGS / f"{name}.toml")
    small = {
        "sample_size": 8,
        "block_out_channels": [8, 8, 16],
        "norm_num_groups": 4,
        "attention_head_dim": 8,
    }
    training = replace(
        config.training, images=48, batch_size=8, warmup_images=16, mixed_precision="no"
    )
    if training.focus:
        training = replace(training, focus=Focus(rows=(2, 4), columns=(1, 4), weight=8.0))
    return replace(config, unet=config.unet | small | unet, training=training)


def overfit(task: Task, steps: int) -> tuple[float, float]:
    """The loss on one batch, before and after it alone has been learned."""
    optimizer = torch.optim.AdamW(task.model.parameters(), lr=3e-3)
    losses = []
    for _ in range(steps):
        loss = task.loss(task.model, 0, 16, torch.Generator().manual_seed(0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0], losses[-1]


@pytest.fixture
def config() -> Config:
    return shrunk("digits", num_class_embeds=4)


@pytest.fixture
def data() -> Dataset:
    """Three classes of 8x8 images: a bright quarter each."""
    labels = torch.arange(30) % 3
    images = torch.zeros(30, 1, 8, 8, dtype=torch.uint8)
    images[labels == 0, :, :4, :4] = 255
    images[labels == 1, :, 4:, :4] = 255
    images[labels == 2, :, :4, 4:] = 255
    return Dataset(
        images,
        labels[:, None],
        [Attribute("class", "Class", ["a", "b", "c"])],
        torch.ones(30, 1, dtype=torch.bool),
        licence="none",
        credits="none",
        artists=[],
    )


@pytest.fixture
def wishing_config() -> Config:
    return shrunk("portraits")


@pytest.fixture
def wishing() -> Dataset:
    """8x8 images of two attributes: which half is bright, and in which colour."""
    labels = torch.stack([torch.arange(30) % 2, torch.arange(30) % 3], 1)
    images = torch.zeros(30, 3, 8, 8, dtype=torch.uint8)
    for image, (half, colour) in zip(images, labels.tolist(), strict=True):
        image[colour, 4 * half : 4 * half + 4] = 255
    return Dataset(
        images,
        labels,
        [
            Attribute("half", "Half", ["upper", "lower"]),
            Attribute("colour", "Colour", ["red", "green", "blue"]),
        ],
        torch.ones(30, 2, dtype=torch.bool),
        licence="CC-BY-SA 3.0",
        credits="By those named.",
        artists=["A. Nother"],
    )
