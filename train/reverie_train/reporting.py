"""What a training run shows of itself: a line now and then, a loss curve, pictures of the task."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from .loop import Trainer


class Reporter:
    def __init__(self, trainer: Trainer, run: Path, log_seconds: float) -> None:
        self.trainer, self.run = trainer, run
        self.log_seconds = log_seconds
        self._restart()

    def _restart(self) -> None:
        self.losses: list[torch.Tensor] = []
        self.since = time.monotonic()
        self.images = self.trainer.progress.images

    def add(self, loss: torch.Tensor) -> None:
        """Notes a step's loss, and logs their mean every `log_seconds`."""
        self.losses.append(loss)
        elapsed = time.monotonic() - self.since
        if elapsed < self.log_seconds:
            return
        progress = self.trainer.progress
        mean = torch.stack(self.losses).mean().item()
        progress.losses.append((progress.images, mean))
        rate = (progress.images - self.images) / elapsed
        self.log({"loss": mean, "images_per_second": round(rate, 1)})
        self._restart()

    def log(self, figures: dict[str, float]) -> None:
        """Prints a line and adds it to `log.jsonl`."""
        accelerator, progress = self.trainer.accelerator, self.trainer.progress
        if not figures or not accelerator.is_main_process:
            return
        text = "  ".join(f"{name} {value:.5g}" for name, value in figures.items())
        print(
            f"{progress.images:>9,} images  {100 * self.trainer.fraction:5.1f}%"
            f"  {progress.seconds / 60:.1f} min  lr {self.trainer.learning_rate():.2e}  {text}",
            flush=True,
        )
        line = {"images": progress.images, "seconds": round(progress.seconds, 1), **figures}
        with (self.run / "log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def draw(self) -> None:
        """Writes `loss.png`, and what the task draws with the averaged weights."""
        self._draw_losses()
        with self.trainer.averaged() as model:
            self.trainer.task.draw(model, self.run)
        self.since = time.monotonic()
        self.images = self.trainer.progress.images
        self.losses = self.losses[-1:]

    def _draw_losses(self) -> None:
        from matplotlib.figure import Figure  # slow to import, and needed only now and then

        if not self.trainer.progress.losses:
            return
        images, losses = zip(*self.trainer.progress.losses, strict=True)
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        axes.plot(images, losses)
        axes.set(xlabel="images", ylabel="loss", title=self.trainer.task.name)
        if min(losses) > 0:
            axes.set_yscale("log")
        figure.savefig(self.run / "loss.png", dpi=120)
