"""The loop that every training shares, resumable to the bit from one checkpoint file.

What is trained is a `Task`: a module and its loss. A batch and its noise are pure functions of
(seed, step, process), so a resumed run needs no state of a random generator to continue exactly
where it stopped. Nothing waits for the device but a line of the log now and then.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from diffusers.training_utils import EMAModel
from safetensors.torch import save_file
from torch import nn

from .checkpoint import load_checkpoint, save_checkpoint
from .config import TrainingConfig
from .progress import Progress
from .reporting import Reporter


class Task(Protocol):
    """What is trained, and what becomes of it."""

    name: str
    model: nn.Module  # everything that is trained, and the buffers that are to be kept

    def recipe(self) -> dict[str, Any]:
        """What a checkpoint depends on, as JSON could hold it."""

    def loss(
        self, model: nn.Module, first: int, size: int, generator: torch.Generator
    ) -> torch.Tensor:
        """The mean loss of samples `first` to `first + size` of an endless stream.

        `model` is `self.model` as accelerate wrapped it; `generator`, on the device, is the source
        of all noise.
        """

    def figures(self, model: nn.Module, generator: torch.Generator) -> dict[str, float]:
        """A few held-out numbers of the averaged weights, for the log."""

    def draw(self, model: nn.Module, run: Path) -> None:
        """Pictures of the averaged weights, for whoever watches the run."""

    def export(self, folder: Path, facts: dict[str, Any]) -> None:
        """Writes `self.model` to `folder`, and what Reverie knows of it into `facts`.

        The model is on the CPU, in f32, its values rounded to f16: those that will be read back.
        """


class Trainer:
    def __init__(
        self,
        task: Task,
        training: TrainingConfig,
        accelerator: Accelerator,
        minutes: float = math.inf,
        progress: Progress | None = None,
    ) -> None:
        """`minutes` is a second budget, of wall time: whichever is nearer its end anneals."""
        if training.snapshots and not hasattr(task, "export_snapshots"):
            raise ValueError(f"{task.name} keeps no snapshots: remove them from its training")
        self.task, self.training, self.accelerator = task, training, accelerator
        self.minutes = minutes
        optimizer = torch.optim.AdamW(
            task.model.parameters(),
            lr=training.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=training.weight_decay,
            fused=accelerator.device.type == "cuda",
        )
        self.model, self.optimizer = accelerator.prepare(task.model, optimizer)
        self.ema = EMAModel(
            self.parameters,
            decay=training.ema_decay,
            use_ema_warmup=True,
            power=3 / 4,
            foreach=True,
        )
        self.ema.to(accelerator.device)
        self.best: list[torch.Tensor] = []  # the averaged weights of `progress.least`
        self.progress = progress or Progress()

    @property
    def parameters(self) -> list[nn.Parameter]:
        return list(self.task.model.parameters())

    @property
    def fraction(self) -> float:
        """How much of the budget is spent, 0 to 1."""
        images = self.progress.images / self.training.images
        return min(1.0, max(images, self.progress.seconds / (60 * self.minutes)))

    def learning_rate(self) -> float:
        """A linear warm-up, then a cosine over the budget."""
        training = self.training
        warmup = min(1.0, (self.progress.images + 1) / max(1, training.warmup_images))
        cosine = 0.5 * (1 + math.cos(math.pi * self.fraction))
        low, high = training.final_learning_rate, training.learning_rate
        return warmup * (low + (high - low) * cosine)

    def generator(self, stream: int) -> torch.Generator:
        """Noise of its own for each stream of this process."""
        seed = (self.training.seed * 1_000_003 + stream) * 4_099 + self.accelerator.process_index
        return torch.Generator(self.accelerator.device).manual_seed(seed)

    def step(self) -> torch.Tensor:
        """One optimiser step; returns the loss, still on the device."""
        started = time.monotonic()
        size, ranks = self.training.batch_size, self.accelerator.num_processes
        first = (self.progress.step * ranks + self.accelerator.process_index) * size
        loss = self.task.loss(self.model, first, size, self.generator(self.progress.step))
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.training.max_grad_norm)
        self.optimizer.step()
        self.ema.step(self.parameters)
        self.progress.step += 1
        self.progress.images += size * ranks
        self.spend(time.monotonic() - started)
        return loss.detach()

    def spend(self, seconds: float) -> None:
        """Counts wall time: the mean over processes, so that all of them end at the same step."""
        if self.accelerator.num_processes > 1:
            shared = torch.tensor(seconds, device=self.accelerator.device)
            seconds = float(self.accelerator.reduce(shared, "mean"))
        self.progress.seconds += seconds

    @contextmanager
    def averaged(self) -> Iterator[nn.Module]:
        """The model with its averaged weights, in evaluation mode."""
        self.ema.store(self.parameters)
        self.ema.copy_to(self.parameters)
        self.task.model.eval()
        with torch.no_grad():
            yield self.task.model
        self.task.model.train()
        self.ema.restore(self.parameters)

    def figures(self) -> dict[str, float]:
        """The task's held-out numbers; keeps the weights that are best by `keep_best`."""
        with self.averaged() as model:
            figures = self.task.figures(model, self.generator(-1))
        if name := self.training.keep_best:
            if figures[name] < self.progress.least:
                self.progress.least, self.progress.least_at = figures[name], self.progress.images
                self.best = [average.clone() for average in self.ema.shadow_params]
            figures["best_at"] = self.progress.least_at
        return figures

    def snapshot(self, folder: Path) -> None:
        """The averaged weights, f16, in a file named after the images seen."""
        folder.mkdir(parents=True, exist_ok=True)
        names = (name for name, _ in self.task.model.named_parameters())
        pairs = zip(names, self.ema.shadow_params, strict=True)
        tensors = {name: average.half().cpu().contiguous() for name, average in pairs}
        save_file(tensors, folder / f"{self.progress.images}.safetensors")

    def save(self, path: Path) -> None:
        save_checkpoint(
            path,
            {
                "recipe": self.task.recipe(),
                "model": self.task.model.state_dict(),
                "ema": self.ema.state_dict(),
                "best": self.best,
                "optimizer": self.optimizer.state_dict(),
                "progress": asdict(self.progress),
            },
        )

    def save_averages(self, path: Path) -> None:
        """Only what an export needs, its weights in f16: a tenth of a checkpoint."""
        model = self.task.model
        averages = self.best or self.ema.shadow_params
        names = [name for name, _ in model.named_parameters()]
        weights = {name: a.half() for name, a in zip(names, averages, strict=True)}
        save_checkpoint(
            path,
            {
                "recipe": self.task.recipe(),
                "model": model.state_dict() | weights,
                "ema": {"shadow_params": []},
                "best": [],
                "progress": asdict(self.progress),
            },
        )

    def load(self, path: Path) -> None:
        state = load_checkpoint(path, self.task)
        self.task.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        self.ema.to(self.accelerator.device)
        self.best = [average.to(self.accelerator.device) for average in state["best"]]
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])


def train(
    task: Task,
    training: TrainingConfig,
    run: Path,
    accelerator: Accelerator | None = None,
    *,
    progress: Progress | None = None,
    minutes: float = math.inf,
    log_seconds: float = 20,
    checkpoint_seconds: float = 120,
    draw_seconds: float = 1200,
) -> None:
    """Trains to the end of the budget, resuming from `run/checkpoint.pt` when there is one."""
    run.mkdir(parents=True, exist_ok=True)
    checkpoint = run / "checkpoint.pt"
    accelerator = accelerator or Accelerator(mixed_precision=training.mixed_precision)
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    trainer = Trainer(task, training, accelerator, minutes, progress)
    if checkpoint.exists():
        trainer.load(checkpoint)
        accelerator.print(f"resumed at {trainer.progress.images:,} images")
    reporter = Reporter(trainer, run, log_seconds)
    saved = drawn = time.monotonic()
    while trainer.fraction < 1:
        before = trainer.progress.images
        reporter.add(trainer.step())
        started, done = time.monotonic(), trainer.fraction >= 1
        if accelerator.is_main_process:
            if crossed(before, trainer.progress.images, training.snapshots):
                trainer.snapshot(run / "snapshots")
            if done or before // training.figures_every < (
                trainer.progress.images // training.figures_every
            ):
                reporter.log(trainer.figures())
            if done or started - saved > checkpoint_seconds:
                trainer.save(checkpoint)
                saved = started
            if done:
                trainer.save_averages(run / "averages.pt")
            if done or started - drawn > draw_seconds:
                reporter.draw()
                drawn = started
        trainer.spend(time.monotonic() - started)
    accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)


def crossed(before: int, after: int, marks: list[int]) -> bool:
    """Whether one of the marks was reached on the way."""
    return any(before < mark <= after for mark in marks)
