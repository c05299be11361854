"""The training loop: v, epsilon or x0 regression, resumable to the bit from one checkpoint file.

A batch and its noise are pure functions of (seed, step, process), so a resumed run needs no state
of a random generator to continue exactly where it stopped.
"""

import json
import math
import time
from dataclasses import asdict
from pathlib import Path

import torch
from accelerate import Accelerator
from diffusers.training_utils import EMAModel
from torch.nn import functional as F

from .checkpoint import load_checkpoint, save_checkpoint
from .condition import Denoiser, load_denoiser
from .config import Config
from .data import Dataset, Shuffle
from .network import build_denoiser, build_scheduler
from .progress import Progress
from .reporting import Reporter


class Trainer:
    def __init__(
        self,
        config: Config,
        data: Dataset,
        accelerator: Accelerator,
        minutes: float = math.inf,
        origin: Path | None = None,
    ) -> None:
        """`minutes` is a second budget, of wall time: whichever is nearer its end anneals.

        `origin` is an exported model whose weights are where training starts, instead of random.
        """
        self.config, self.accelerator, self.minutes = config, accelerator, minutes
        self.data = data
        self.shuffle = Shuffle(len(data), config.training.seed)
        torch.manual_seed(config.training.seed)
        self.scheduler = build_scheduler(config)
        model = build_denoiser(config, data.attributes).to(memory_format=torch.channels_last)
        if origin:
            model.load_state_dict(load_origin(origin, config, data).state_dict())
        optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=config.training.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=config.training.weight_decay,
        )
        self.model, self.optimizer = accelerator.prepare(model, optimizer)
        self.ema = EMAModel(
            self.denoiser.parameters(),
            decay=config.training.ema_decay,
            use_ema_warmup=True,
            power=3 / 4,
            foreach=True,
        )
        self.ema.to(accelerator.device)
        self.progress = Progress(**(earlier(origin) if origin else {}))

    @property
    def denoiser(self) -> Denoiser:
        return self.accelerator.unwrap_model(self.model)

    @property
    def fraction(self) -> float:
        """How much of the budget is spent, 0 to 1."""
        images = self.progress.images / self.config.training.images
        return min(1.0, max(images, self.progress.seconds / (60 * self.minutes)))

    def learning_rate(self) -> float:
        """A linear warm-up, then a cosine over the budget."""
        config = self.config.training
        warmup = min(1.0, (self.progress.images + 1) / max(1, config.warmup_images))
        cosine = 0.5 * (1 + math.cos(math.pi * self.fraction))
        low, high = config.final_learning_rate, config.learning_rate
        return warmup * (low + (high - low) * cosine)

    def batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """This step's images and labels."""
        size, ranks = self.config.training.batch_size, self.accelerator.num_processes
        first = (self.progress.step * ranks + self.accelerator.process_index) * size
        indices = torch.tensor([self.shuffle[first + offset] for offset in range(size)])
        device = self.accelerator.device
        return self.data.pixels(indices).to(device), self.data.labels[indices].to(device)

    def step(self) -> torch.Tensor:
        """One optimiser step; returns the loss, still on the device."""
        config = self.config.training
        started = time.monotonic()
        clean, labels = self.batch()
        device = clean.device
        generator = torch.Generator().manual_seed(
            (config.seed * 1_000_003 + self.progress.step) * 4_099 + self.accelerator.process_index
        )
        noise = torch.randn(clean.shape, generator=generator).to(device)
        timestep = self._timesteps(len(clean), generator).to(device)
        labels = self.denoiser.condition.drop(labels, config, generator)

        noisy = self.scheduler.add_noise(clean, noise, timestep)
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        output = self.model(noisy, timestep, labels)
        error = F.mse_loss(output.float(), self._target(clean, noise, timestep), reduction="none")
        if config.focus:
            error = error * config.focus.weights(*clean.shape[2:]).to(device)
        loss = (error.mean(dim=(1, 2, 3)) * self._weight(timestep)).mean()

        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), config.max_grad_norm)
        self.optimizer.step()
        self.ema.step(self.denoiser.parameters())
        self.progress.step += 1
        self.progress.images += len(clean) * self.accelerator.num_processes
        # The mean over processes, so that all of them end at the same step.
        seconds = torch.tensor(time.monotonic() - started, device=device)
        self.progress.seconds += float(self.accelerator.reduce(seconds, "mean"))
        return loss.detach()

    def _timesteps(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Uniform timesteps, spread evenly over the batch: less variance in its gradient.

        Kingma et al. 2021, Variational Diffusion Models, appendix I.1.
        """
        offset = torch.rand(1, generator=generator)
        unit = (offset + torch.arange(count) / count) % 1
        return (unit * self.scheduler.config.num_train_timesteps).long()

    def _target(
        self, clean: torch.Tensor, noise: torch.Tensor, timestep: torch.Tensor
    ) -> torch.Tensor:
        match self.scheduler.config.prediction_type:
            case "v_prediction":
                return self.scheduler.get_velocity(clean, noise, timestep)
            case "epsilon":
                return noise
            case "sample":
                return clean
            case other:
                raise ValueError(f"unknown prediction_type {other!r}")

    def _weight(self, timestep: torch.Tensor) -> torch.Tensor:
        gamma = self.config.training.min_snr_gamma
        if gamma is None:
            return torch.ones_like(timestep, dtype=torch.float32)
        alpha_cumprod = self.scheduler.alphas_cumprod.to(timestep.device)[timestep]
        snr = alpha_cumprod / (1 - alpha_cumprod)
        weight = snr.clamp(max=gamma)  # of the error in x0; divided by that of the target below
        match self.scheduler.config.prediction_type:
            case "v_prediction":
                return weight / (snr + 1)
            case "epsilon":
                return weight / snr
            case _:
                return weight

    def save(self, path: Path) -> None:
        save_checkpoint(
            path,
            {
                "recipe": self.config.recipe(),
                "model": self.denoiser.state_dict(),
                "ema": self.ema.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "progress": asdict(self.progress),
            },
        )

    def load(self, path: Path) -> None:
        state = load_checkpoint(path, self.config)
        self.denoiser.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        self.ema.to(self.accelerator.device)
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])


def earlier(folder: Path) -> dict[str, float]:
    """What the model in `folder` was trained with."""
    facts = json.loads((folder / "reverie.json").read_text())
    return {
        "earlier_images": facts["images_seen"],
        "earlier_seconds": 60 * facts["training_minutes"],
    }


def load_origin(folder: Path, config: Config, data: Dataset) -> Denoiser:
    """The model in `folder`, if it is of this recipe's network and has the data's attributes."""
    try:
        denoiser = load_denoiser(folder)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{folder} is no exported model ({error})") from error
    ours = build_denoiser(config, data.attributes)
    values = [(a.name, a.values) for a in denoiser.condition.attributes]
    if values != [(a.name, a.values) for a in data.attributes]:
        raise ValueError(f"{folder} was trained on other attributes than {config.name!r} has")
    if {k: v.shape for k, v in denoiser.state_dict().items()} != {
        k: v.shape for k, v in ours.state_dict().items()
    }:
        raise ValueError(f"{folder} has another network than {config.name!r}: train from nothing")
    return denoiser


def train(
    config: Config,
    data: Dataset,
    run: Path,
    *,
    origin: Path | None = None,
    minutes: float = math.inf,
    log_seconds: float = 20,
    checkpoint_seconds: float = 90,
    draw_seconds: float = 1200,
) -> None:
    """Trains to the end of the budget, resuming from `run/checkpoint.pt` when there is one."""
    run.mkdir(parents=True, exist_ok=True)
    checkpoint = run / "checkpoint.pt"
    accelerator = Accelerator(mixed_precision=config.training.mixed_precision)
    resumes = checkpoint.exists()
    trainer = Trainer(config, data, accelerator, minutes, None if resumes else origin)
    if resumes:
        trainer.load(checkpoint)
        accelerator.print(f"resumed at {trainer.progress.images:,} images")
    reporter = Reporter(config, data, trainer, run, log_seconds)
    saved = drawn = time.monotonic()
    while trainer.fraction < 1:
        reporter.add(trainer.step())
        if not accelerator.is_main_process:
            continue
        now, done = time.monotonic(), trainer.fraction >= 1
        if done or now - saved > checkpoint_seconds:
            trainer.save(checkpoint)
            saved = now
        if done or now - drawn > draw_seconds:
            reporter.draw()
            drawn = now
