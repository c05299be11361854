"""Real or made? A judge of noisy pictures that knows a model's samples, to guide that model.

Kim et al. 2022, Refining Generative Process with Discriminator Guidance (2211.17091): trained by
cross-entropy on real and made pictures, both diffused, with t drawn in proportion to
β(t) / (1 - ᾱ(t)). Its logit is log d/(1 - d).
"""

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ..config import Config
from ..data import Attribute, Dataset, Shuffle, load_dataset
from ..diffusion import Diffusion, timestep_of
from ..encoder import UNet2DEncoder, gflop
from ..fakes import Fakes, load_fakes
from ..network import build_scheduler, parameter_count
from .facts import provenance
from .judge import SIGMAS, save_encoder

TABLES = frozenset({"fakes"})
HELD_OUT = 0.1  # of the fakes
FIRST_TIMESTEP = 10  # of 1000: before it guidance is off
BATCH = 500


def build(config: Config, root: Path, device: torch.device) -> "Discriminator":
    fakes = load_fakes(config, root, device)
    train, test = (load_dataset(config.data, root, s, device) for s in ("train", "test"))
    return Discriminator(config, train, test, fakes, device)


class Discriminator:
    model: UNet2DEncoder

    def __init__(
        self,
        config: Config,
        train: Dataset,
        test: Dataset,
        fakes: Fakes,
        device: torch.device | str = "cpu",
    ) -> None:
        self.config, self.name, self.device = config, config.name, device
        self.real, self.null = train, train.attributes[0].null
        kept = round(len(fakes.labels) * (1 - HELD_OUT))
        self.fakes = Fakes(fakes.images[:kept], fakes.labels[:kept])
        count = min(len(test), len(fakes.labels) - kept)
        self.held_out = Fakes(
            torch.cat([test.images[:count], fakes.images[kept : kept + count]]),
            torch.cat([test.labels[:count, 0], fakes.labels[kept : kept + count]]),
        )
        seed = config.training.seed
        self.shuffles = [
            Shuffle(len(self.real), seed, device),
            Shuffle(len(self.fakes.labels), seed + 1, device),
        ]
        self.scheduler = build_scheduler(config)
        self.diffusion = Diffusion(self.scheduler)
        chances = self.scheduler.betas / (1 - self.scheduler.alphas_cumprod)
        chances[:FIRST_TIMESTEP] = 0
        self.chances = chances.to(device)
        model = UNet2DEncoder([Attribute("real", "Real", ["real"])], **config.unet)
        self.model = model.to(device, memory_format=torch.channels_last)

    def recipe(self) -> dict[str, Any]:
        return self.config.recipe()

    def loss(
        self, model: nn.Module, first: int, size: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Half of the samples are real, half are made."""
        half = size // 2
        real, made = (shuffle.batch(first // 2, half) for shuffle in self.shuffles)
        pictures = Fakes(
            torch.cat([self.real.images[real], self.fakes.images[made]]),
            torch.cat([self.real.labels[real, 0], self.fakes.labels[made]]),
        )
        dropped = torch.rand(2 * half, generator=generator, device=self.device)
        pictures.labels[dropped < self.config.training.label_dropout] = self.null
        timestep = self.chances.multinomial(2 * half, replacement=True, generator=generator)
        logits = self._logits(model, pictures, timestep, generator)
        return F.binary_cross_entropy_with_logits(logits.float(), is_real(logits))

    def _logits(
        self, model: nn.Module, part: Fakes, timestep: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        clean = part.pixels()
        noisy = self.diffusion.add_noise(clean, self.diffusion.noise(clean, generator), timestep)
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        return model(noisy, timestep, part.labels)[:, 0]

    def figures(self, model: nn.Module, generator: torch.Generator) -> dict[str, float]:
        count = len(self.held_out.labels)
        timestep = self.chances.multinomial(count, replacement=True, generator=generator)
        logits = self._held_out_logits(timestep, generator)
        target = is_real(logits)
        return {
            "held_out_loss": F.binary_cross_entropy_with_logits(logits, target).item(),
            "held_out_accuracy": ((logits > 0) == (target > 0)).float().mean().item(),
        }

    @torch.no_grad()
    def _held_out_logits(self, timestep: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Of the held-out real pictures, then of as many made ones."""
        parts = [slice(at, at + BATCH) for at in range(0, len(timestep), BATCH)]
        logits = [
            self._logits(self.model, self.held_out.part(part), timestep[part], generator)
            for part in parts
        ]
        return torch.cat(logits).float()

    def draw(self, model: nn.Module, run: Path) -> None:
        pass

    def export(self, folder: Path, facts: dict[str, Any]) -> None:
        """`discriminator/`, with a golden test of its logit and that one's gradient."""
        self.model.to(self.device)
        generator = torch.Generator(self.device).manual_seed(self.config.training.seed)
        found = self.figures(self.model, generator)
        accuracy = {f"{sigma:g}": self._accuracy(sigma, generator) for sigma in SIGMAS}
        self.model.cpu()
        facts |= provenance(self.config, self.real)
        facts |= {
            "parameters": parameter_count(self.model),
            "gflop": round(gflop(self.model), 4),
            "fakes": self.config.tables["fakes"],
            **{name: round(value, 5) for name, value in found.items()},
            "accuracy_at_sigma": accuracy,
        }
        save_encoder(self.model, folder / "discriminator", self.config.training.seed)

    def _accuracy(self, sigma: float, generator: torch.Generator) -> float:
        timestep = torch.full_like(self.held_out.labels, timestep_of(self.scheduler, sigma))
        logits = self._held_out_logits(timestep, generator)
        return round(((logits > 0) == (is_real(logits) > 0)).float().mean().item(), 4)


def is_real(logits: torch.Tensor) -> torch.Tensor:
    """One for the first half, zero for the second."""
    half = len(logits) // 2
    return (torch.arange(len(logits), device=logits.device) < half).float()
