"""A classifier of noisy pictures, to guide a denoiser: it sees what that sees, x_t and t."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from ..config import Config
from ..data import Dataset, Shuffle, load_dataset
from ..diffusion import Diffusion, timestep_of
from ..encoder import UNet2DEncoder, gflop, golden
from ..network import build_scheduler, parameter_count
from .facts import provenance

TABLES: frozenset[str] = frozenset()
SIGMAS = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 10.0)  # noise over signal
FEW, BATCH = 2000, 500


def build(config: Config, root: Path, device: torch.device) -> "Judge":
    train, test = (load_dataset(config.data, root, s, device) for s in ("train", "test"))
    return Judge(config, train, test, device)


class Judge:
    model: UNet2DEncoder

    def __init__(
        self, config: Config, train: Dataset, test: Dataset, device: torch.device | str = "cpu"
    ) -> None:
        self.config, self.train, self.test, self.name = config, train, test, config.name
        self.device = device
        self.shuffle = Shuffle(len(train), config.training.seed, device)
        self.scheduler = build_scheduler(config)
        self.diffusion = Diffusion(self.scheduler)
        model = UNet2DEncoder(train.attributes, **config.unet)
        self.model = model.to(device, memory_format=torch.channels_last)

    def recipe(self) -> dict[str, Any]:
        return self.config.recipe()

    def loss(
        self, model: nn.Module, first: int, size: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Cross-entropy of each attribute where the picture shows it, their sum."""
        indices = self.shuffle.batch(first, size)
        clean = self.train.pixels(indices)
        timestep = self.diffusion.timesteps(size, generator)
        noisy = self.diffusion.add_noise(clean, self.diffusion.noise(clean, generator), timestep)
        logits = model(noisy.contiguous(memory_format=torch.channels_last), timestep)
        labels, visible = self.train.labels[indices], self.train.visible[indices].float()
        parts = logits.float().split(self.model.widths, dim=1)
        losses = [
            (F.cross_entropy(part, label, reduction="none") * seen).sum() / seen.sum().clamp(min=1)
            for part, label, seen in zip(parts, labels.T, visible.T, strict=True)
        ]
        return torch.stack(losses).sum()

    def figures(self, model: nn.Module, generator: torch.Generator) -> dict[str, float]:
        few = self.accuracy(generator, (0.25, 1.0, 4.0), FEW)
        return {f"accuracy_at_{sigma:g}": sum(by.values()) / len(by) for sigma, by in few.items()}

    def draw(self, model: nn.Module, run: Path) -> None:
        pass

    @torch.no_grad()
    def accuracy(
        self, generator: torch.Generator, sigmas: tuple[float, ...], count: int
    ) -> dict[float, dict[str, float]]:
        """At each level the share of test pictures judged right, where they show the attribute."""
        count = min(count, len(self.test))
        found = {}
        for sigma in sigmas:
            right = sum(
                self._right(slice(at, min(at + BATCH, count)), sigma, generator)
                for at in range(0, count, BATCH)
            )
            shares = right / self.test.visible[:count].sum(0).clamp(min=1)
            names = [attribute.name for attribute in self.test.attributes]
            found[sigma] = dict(zip(names, shares.tolist(), strict=True))
        return found

    def _right(self, part: slice, sigma: float, generator: torch.Generator) -> torch.Tensor:
        """How many of a part are judged right, [A]."""
        clean = self.test.pixels(part)
        timestep = torch.full((len(clean),), timestep_of(self.scheduler, sigma), device=self.device)
        noisy = self.diffusion.add_noise(clean, self.diffusion.noise(clean, generator), timestep)
        parts = self.model(noisy, timestep).split(self.model.widths, dim=1)
        seen = torch.stack([logits.argmax(1) for logits in parts], dim=1)
        return ((seen == self.test.labels[part]) & self.test.visible[part]).sum(0)

    def export(self, folder: Path, facts: dict[str, Any]) -> None:
        """`classifier/`, with a golden test of its logits and their gradient."""
        self.model.to(self.device)
        generator = torch.Generator(self.device).manual_seed(self.config.training.seed)
        accuracy = self.accuracy(generator, SIGMAS, len(self.test))
        self.model.cpu()
        facts |= provenance(self.config, self.train)
        facts |= {
            "parameters": parameter_count(self.model),
            "gflop": round(gflop(self.model), 4),
            "test_images": len(self.test),
            "accuracy_at_sigma": {
                f"{sigma:g}": {name: round(share, 4) for name, share in by.items()}
                for sigma, by in accuracy.items()
            },
        }
        save_encoder(self.model, folder / "classifier", self.config.training.seed)


def save_encoder(encoder: UNet2DEncoder, folder: Path, seed: int) -> None:
    folder.mkdir()
    save_file(golden(encoder, seed), folder / "golden.safetensors")
    encoder.half().save_pretrained(folder)
