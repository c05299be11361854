"""What a training run shows of itself: a line now and then, a loss curve, a grid of samples."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from diffusers import DDIMScheduler
from matplotlib.figure import Figure
from torchvision.utils import save_image

from .config import Config
from .data import Dataset
from .sampling import guided, sample_ddim

if TYPE_CHECKING:
    from .training import Trainer

SAMPLING_STEPS = 20
GUIDANCE_SCALE = 2.0


class Reporter:
    def __init__(
        self, config: Config, data: Dataset, trainer: Trainer, run: Path, log_seconds: float
    ) -> None:
        self.config, self.data, self.trainer, self.run = config, data, trainer, run
        self.log_seconds = log_seconds
        self._restart()

    def _restart(self) -> None:
        self.losses: list[torch.Tensor] = []
        self.since = time.monotonic()
        self.images = self.trainer.progress.images

    def add(self, loss: torch.Tensor) -> None:
        """Notes a step's loss, and prints their mean every `log_seconds`."""
        self.losses.append(loss)
        elapsed = time.monotonic() - self.since
        if elapsed < self.log_seconds:
            return
        progress = self.trainer.progress
        mean = torch.stack(self.losses).mean().item()
        progress.losses.append((progress.images, mean))
        self.trainer.accelerator.print(
            f"{progress.images:>9,} images  {100 * self.trainer.fraction:5.1f}%"
            f"  {(progress.images - self.images) / elapsed:6.1f} images/s"
            f"  loss {mean:.5f}  lr {self.trainer.learning_rate():.2e}"
            f"  {progress.seconds / 60:.1f} min",
            flush=True,
        )
        self._restart()

    def draw(self) -> None:
        """Writes `loss.png` and `samples.png` of the averaged weights."""
        self._draw_losses()
        self._draw_samples()
        self.since = time.monotonic()
        self.images = self.trainer.progress.images
        self.losses = self.losses[-1:]

    def _draw_losses(self) -> None:
        if not self.trainer.progress.losses:
            return
        images, losses = zip(*self.trainer.progress.losses, strict=True)
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        axes.plot(images, losses)
        axes.set(xlabel="images", ylabel="loss", yscale="log", title=self.config.name)
        figure.savefig(self.run / "loss.png", dpi=120)

    def _draw_samples(self) -> None:
        denoiser, ema = self.trainer.denoiser, self.trainer.ema
        device = self.trainer.accelerator.device
        labels = sample_labels(self.data).to(device)
        shape = (len(labels), *self.data.images.shape[1:])
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(device)
        ema.store(denoiser.parameters())
        ema.copy_to(denoiser.parameters())
        scheduler = DDIMScheduler.from_config(self.trainer.scheduler.config)
        predict = guided(denoiser, labels, GUIDANCE_SCALE)
        samples = sample_ddim(predict, scheduler, noise, SAMPLING_STEPS)
        ema.restore(denoiser.parameters())
        save_image(samples / 2 + 0.5, self.run / "samples.png", nrow=8)


def sample_labels(data: Dataset) -> torch.Tensor:
    """Labels for a grid: each class four times, or those of the first forty of the set."""
    if len(data.attributes) > 1:
        return data.labels[:40]
    return torch.arange(data.attributes[0].null).repeat_interleave(4).unsqueeze(1)
