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

SAMPLES_PER_CLASS = 4
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
        """Writes `loss.png` and `samples.png`, a row for each class, of the averaged weights."""
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
        unet, ema = self.trainer.bare_unet, self.trainer.ema
        classes = len(self.data.class_names)
        labels = torch.arange(classes).repeat_interleave(SAMPLES_PER_CLASS)
        labels = labels.to(self.trainer.accelerator.device)
        shape = (len(labels), *self.data.images.shape[1:])
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(labels.device)
        ema.store(unet.parameters())
        ema.copy_to(unet.parameters())
        predict = guided(unet, labels, self.config.null_label, GUIDANCE_SCALE)
        scheduler = DDIMScheduler.from_config(self.trainer.scheduler.config)
        samples = sample_ddim(predict, scheduler, noise, SAMPLING_STEPS)
        ema.restore(unet.parameters())
        save_image(samples / 2 + 0.5, self.run / "samples.png", nrow=2 * SAMPLES_PER_CLASS)
