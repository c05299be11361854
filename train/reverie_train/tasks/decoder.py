"""The decoder of unCLIP: the portraits' U-Net, told a CLIP embedding instead of wishes.

Ramesh et al. 2022, section 2.1. It starts from the portraits' weights: the embedding enters by a
matrix where the sum of the wishes' vectors did, first the best linear guess of that sum.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler, DDPMPipeline, UNet2DModel
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from ..clip import Encoders
from ..condition import Denoiser
from ..config import Config
from ..data import Dataset, Shuffle, load_dataset
from ..diffusion import Diffusion
from ..evaluation.samples import save_grid
from ..network import build_scheduler, gflop, parameter_count, sample_size
from ..sampling import sample_ddim
from .denoise import load_origin
from .facts import provenance

TABLES = frozenset({"parts"})
EMBEDDING = "embedding.safetensors"
HELD_OUT = 512  # pictures for the log's figure
FITTED = 20_000  # embeddings for the first guess of the matrix
COLUMNS, STEPS = 16, 20


def build(config: Config, root: Path, device: torch.device) -> "DecoderTask":
    train, test = (load_dataset(config.data, root, split, device) for split in ("train", "test"))
    parts = {name: Path(path) for name, path in config.tables["parts"].items()}
    return DecoderTask(config, train, test, parts["clip"], parts["portraits"], device)


class Decoder(nn.Module):
    """(x_t [N, C, H, W], t, embeddings [N, D]) to the prediction; 0 asks for nothing."""

    def __init__(self, unet: UNet2DModel, width: int) -> None:
        super().__init__()
        self.unet = unet
        self.embedding = nn.Linear(width, 4 * unet.config.block_out_channels[0], bias=False)

    def forward(
        self, sample: torch.Tensor, timestep: torch.Tensor | int, embedding: torch.Tensor
    ) -> torch.Tensor:
        return self.unet(sample, timestep, class_labels=self.embedding(embedding)).sample


class DecoderTask:
    model: Decoder

    def __init__(
        self,
        config: Config,
        data: Dataset,
        test: Dataset,
        clip: Path,
        portraits: Path,
        device: torch.device | str = "cpu",
    ) -> None:
        """`clip` and `portraits` are folders of exported models."""
        self.config, self.name, self.device = config, config.name, device
        self.data, self.test, self.clip = data, test, Encoders.load(clip, device)
        self.shuffle = Shuffle(len(data), config.training.seed, device)
        self.scheduler = build_scheduler(config)
        self.diffusion = Diffusion(self.scheduler, config.training.min_snr_gamma)
        focus, size = config.training.focus, data.images.shape[2:]
        self.weights = (focus.weights(*size) if focus else torch.ones(size)).to(device)
        self.model = self._start(load_origin(portraits, config, data).to(device))
        self.model.to(device, memory_format=torch.channels_last).requires_grad_(True).train()

    def _start(self, portraits: Denoiser) -> Decoder:
        """The portraits' network, which draws much the same of the embedding as of the wishes."""
        decoder = Decoder(portraits.unet, self.clip.vision.config.projection_dim)
        nothing = portraits.condition(portraits.null[None])
        # What asks for nothing is the time embedding's from now on, so that 0 is nothing.
        portraits.unet.time_embedding.linear_2.bias.add_(nothing[0])
        seen = self.clip.see(self.data.images[:FITTED])
        wished = portraits.condition(self.data.labels[:FITTED]) - nothing
        ridge = 1e-3 * len(seen) * torch.eye(seen.shape[1], device=seen.device)
        fitted = torch.linalg.solve(seen.T @ seen + ridge, seen.T @ wished)
        decoder.embedding.weight.data = fitted.T.contiguous()
        return decoder

    # What only training needs is made when it begins: an export does without.
    @cached_property
    def embeddings(self) -> torch.Tensor:
        return self.clip.see(self.data.images)

    @cached_property
    def held_out(self) -> torch.Tensor:
        return self.clip.see(self.test.images[:HELD_OUT])

    def recipe(self) -> dict[str, Any]:
        return self.config.recipe()

    def loss(
        self, model: nn.Module, first: int, size: int, generator: torch.Generator
    ) -> torch.Tensor:
        indices = self.shuffle.batch(first, size)
        chance = torch.rand(size, 1, generator=generator, device=generator.device)
        kept = chance >= self.config.training.label_dropout
        embedding = self.embeddings[indices] * kept
        return self._error(model, self.data.pixels(indices), embedding, generator)

    def _error(
        self,
        model: nn.Module,
        clean: torch.Tensor,
        embedding: torch.Tensor,
        generator: torch.Generator,
    ) -> torch.Tensor:
        noise = self.diffusion.noise(clean, generator)
        timestep = self.diffusion.timesteps(len(clean), generator)
        noisy = self.diffusion.add_noise(clean, noise, timestep)
        output = model(noisy.contiguous(memory_format=torch.channels_last), timestep, embedding)
        target = self.diffusion.target(clean, noise, timestep)
        error = F.mse_loss(output.float(), target, reduction="none") * self.weights
        return (error.mean(dim=(1, 2, 3)) * self.diffusion.weight(timestep)).mean()

    def figures(self, model: nn.Module, generator: torch.Generator) -> dict[str, float]:
        """The loss of held-out portraits, in the same noise at every look."""
        clean = self.test.pixels(slice(HELD_OUT))
        return {"held_out": self._error(model, clean, self.held_out, generator).item()}

    def draw(self, model: nn.Module, run: Path) -> None:
        """Held-out portraits, and below each two that are drawn of its embedding."""
        pictures = self.test.pixels(slice(COLUMNS))
        embedding = self.clip.see(self.test.images[:COLUMNS]).repeat(2, 1)
        shape = (len(embedding), *pictures.shape[1:])
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(pictures.device)
        drawn = decode(self.model, self.scheduler.config, embedding, noise)
        grid = torch.cat([pictures, drawn]).cpu()
        save_grid(grid, run / "samples.png", columns=COLUMNS, scale=3)

    def export(self, folder: Path, facts: dict[str, Any]) -> None:
        """A `DDPMPipeline` in f16, the matrix [E, D], and a golden test."""
        decoder, config = self.model, self.model.unet.config
        generator = torch.Generator().manual_seed(self.config.training.seed)
        shape = (2, config.in_channels, *sample_size(config.sample_size))
        seen = self.clip.see(self.test.images[:1]).cpu()
        tensors = {
            "sample": torch.randn(shape, generator=generator),
            "timestep": torch.tensor([700, 20]),
            "embedding": torch.cat([seen, torch.zeros_like(seen)]),
        }
        output = decoder(*tensors.values())
        cost = gflop(decoder, tensors["sample"][:1], 0, tensors["embedding"][:1])
        facts |= provenance(self.config, self.data)
        facts["parameters"] = parameter_count(decoder)
        facts["gflop"] = round(cost, 4)
        if self.config.sampling:
            facts["sampling"] = self.config.sampling
        golden = tensors | {"output": output.contiguous()}
        golden["class_labels"] = decoder.embedding(tensors["embedding"])
        save_file(golden, folder / "golden.safetensors")
        save_file({"weight": decoder.embedding.weight.half().contiguous()}, folder / EMBEDDING)
        pipeline = DDPMPipeline(unet=decoder.unet.half(), scheduler=self.scheduler)
        pipeline.save_pretrained(folder)


def decode(
    decoder: Decoder,
    scheduler: dict[str, Any],
    embedding: torch.Tensor,
    noise: torch.Tensor,
    scale: float = 1.0,
    steps: int = STEPS,
) -> torch.Tensor:
    """Pictures of embeddings by DDIM, guided by `scale` away from what asks for nothing."""

    def predict(sample: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        asked = decoder(sample, timestep, embedding)
        if scale == 1:
            return asked
        free = decoder(sample, timestep, torch.zeros_like(embedding))
        return free + scale * (asked - free)

    return sample_ddim(predict, DDIMScheduler.from_config(scheduler), noise, steps)
