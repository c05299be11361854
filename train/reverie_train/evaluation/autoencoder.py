"""What an autoencoder loses: decibels, and what the classifier no longer sees."""

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL

from ..data import Dataset
from ..tasks.autoencoder import reconstruct
from .agreement import agreement, relative
from .classifier import Classifier, judge
from .measures import psnr
from .samples import save_grid

COLUMNS, ROWS = 8, 4  # of pictures in the figure


def evaluate(
    folder: Path, test: Dataset, classifier: Classifier, out: Path, count: int = 1000
) -> dict[str, Any]:
    """Figures of the first `count` held-out images; writes `reconstructed.png` to `out`."""
    device = test.images.device
    vae = AutoencoderKL.from_pretrained(folder, subfolder="vae", torch_dtype=torch.float32)
    vae = vae.to(device, memory_format=torch.channels_last).eval()
    pictures = test.pixels(slice(count))
    seen = reconstruct(vae, pictures)
    shown = [part[: ROWS * COLUMNS].unflatten(0, (-1, COLUMNS)) for part in (pictures, seen)]
    save_grid(torch.stack(shown, 1).flatten(0, 2).cpu(), out / "reconstructed.png", COLUMNS, 3)
    labels, visible = test.labels[:count].cpu(), test.visible[:count].cpu()

    def agrees(images: torch.Tensor) -> dict:
        return agreement(judge(classifier, images).labels, labels, visible, test.attributes)

    real, reconstructed = agrees(pictures), agrees(seen)
    return {
        "images": len(pictures),
        "psnr": psnr(seen, pictures),
        "psnr_drawn": psnr_drawn(seen, pictures),
        "agreement": {
            "real": real,
            "reconstructed": reconstructed,
            "relative": relative(reconstructed, real),
        },
    }


def psnr_drawn(seen: torch.Tensor, pictures: torch.Tensor) -> float:
    """Of the pixels that are not of the background, the colour of the upper left corner."""
    drawn = (pictures != pictures[:, :, :1, :1]).any(1, keepdim=True).expand_as(pictures)
    return psnr(seen[drawn], pictures[drawn])
