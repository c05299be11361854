"""The autoencoder of the latent model: `AutoencoderKL` of diffusers, after Rombach et al. 2022.

Section 3.1 there: pictures are coded in fewer numbers, and the diffusion model works on the code.
A perceptual loss has no weights for pixel art; what stands for it are edges, and hues that weigh
more than their share of the plain error.
"""

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from ..config import Config
from ..data import Dataset, Shuffle, load_dataset
from ..evaluation.measures import psnr
from ..evaluation.samples import save_grid
from ..network import gflop, parameter_count
from .facts import provenance

TABLES = frozenset({"autoencoder", "loss"})
COLUMNS, ROWS = 8, 3  # of pictures in the run's picture
HELD_OUT = 256  # images for the log's figures
MEASURED = 2048  # images for the scale of the code and for its preview


def build(config: Config, root: Path, device: torch.device) -> "AutoencoderTask":
    data, test = (load_dataset(config.data, root, split, device) for split in ("train", "test"))
    return AutoencoderTask(config, data, test, device)


@dataclass(frozen=True)
class Reconstruction:
    """Absolute errors of luma and chroma, and of their first differences."""

    chroma: float = 1.0  # weight of the two chroma channels
    edges: float = 0.0  # weight of the differences' errors, down and across
    divergence: float = 1e-6  # weight of the code's divergence from N(0, 1), summed over the code

    def __call__(self, error: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Of an error [N, 3, H, W] in red, green and blue; weights [H, W] of its pixels."""
        error = torch.einsum("ij,njhw->nihw", opponents(self.chroma, error.device), error)
        edges = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
        return (error.abs() * weights).mean() + self.edges * edges


@cache
def opponents(weight: float, device: torch.device) -> torch.Tensor:
    """Red, green and blue to luma and weighted chroma [3, 3] (ITU-R BT.601, as in JPEG)."""
    luma = torch.tensor([[0.299, 0.587, 0.114]])
    chroma = torch.tensor([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    return torch.cat([luma, weight * chroma]).to(device)


class Autoencoder(nn.Module):
    """Pictures to what is decoded of a sampled code, and to that code's divergence [N]."""

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae

    def forward(
        self, pictures: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        # In f32: the sum over the code has few digits in bf16.
        moments = self.vae.encode(pictures).latent_dist.parameters.float()
        posterior = DiagonalGaussianDistribution(moments)
        shape, device = posterior.mean.shape, moments.device
        noise = torch.randn(shape, generator=generator, device=device)
        return self.vae.decode(posterior.mean + posterior.std * noise).sample, posterior.kl()


class AutoencoderTask:
    model: Autoencoder

    def __init__(
        self, config: Config, data: Dataset, test: Dataset, device: torch.device | str = "cpu"
    ) -> None:
        self.config, self.name = config, config.name
        self.data, self.test = data, test
        self.rule = Reconstruction(**config.tables["loss"])
        self.shuffle = Shuffle(len(data), config.training.seed, device)
        focus, size = config.training.focus, data.images.shape[2:]
        self.weights = (focus.weights(*size) if focus else torch.ones(size)).to(device)
        model = Autoencoder(AutoencoderKL(**config.tables["autoencoder"]))
        self.model = model.to(device, memory_format=torch.channels_last)

    def recipe(self) -> dict[str, Any]:
        return self.config.recipe() | {"loss": asdict(self.rule)}

    def loss(
        self, model: nn.Module, first: int, size: int, generator: torch.Generator
    ) -> torch.Tensor:
        pictures = self.data.pixels(self.shuffle.batch(first, size))
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        decoded, divergence = model(pictures, generator)
        error = self.rule(decoded.float() - pictures, self.weights)
        return error + self.rule.divergence * divergence.mean()

    def figures(self, model: nn.Module, generator: torch.Generator) -> dict[str, float]:
        pictures = self.test.pixels(slice(HELD_OUT))
        return {"psnr": psnr(reconstruct(self.model.vae, pictures), pictures)}

    def draw(self, model: nn.Module, run: Path) -> None:
        """Held-out pictures, each row above what becomes of it, `samples.png`."""
        pictures = self.test.pixels(slice(ROWS * COLUMNS))
        decoded = reconstruct(self.model.vae, pictures)
        rows = [part.unflatten(0, (-1, COLUMNS)) for part in (pictures, decoded)]
        save_grid(torch.stack(rows, 1).flatten(0, 2).cpu(), run / "samples.png", COLUMNS, scale=3)

    def export(self, folder: Path, facts: dict[str, Any]) -> None:
        """An `AutoencoderKL` in `vae/` whose scaling factor gives the code a deviation of 1."""
        vae, pictures = self.model.vae, self.data.pixels(slice(MEASURED))
        facts |= provenance(self.config, self.data)
        facts["parameters"] = parameter_count(vae)
        generator = torch.Generator().manual_seed(self.config.training.seed)
        codes = encode(vae.to(pictures.device), pictures).sample(generator).cpu()
        vae, pictures = vae.cpu(), pictures.cpu()
        costs = {"encode": gflop(vae.encode, pictures[:1]), "decode": gflop(vae.decode, codes[:1])}
        facts["gflop_by_part"] = {name: round(cost, 4) for name, cost in costs.items()}
        vae.register_to_config(scaling_factor=round(1 / codes.std().item(), 6))
        facts["latent_preview"] = preview(vae.config.scaling_factor * codes, pictures)
        save_file(golden(vae, pictures[:2]), folder / "golden.safetensors")
        vae.half().save_pretrained(folder / "vae")


@torch.no_grad()
def encode(vae: AutoencoderKL, pictures: torch.Tensor) -> DiagonalGaussianDistribution:
    parts = [vae.encode(part).latent_dist.parameters.float() for part in pictures.split(64)]
    return DiagonalGaussianDistribution(torch.cat(parts))


@torch.no_grad()
def reconstruct(vae: AutoencoderKL, pictures: torch.Tensor) -> torch.Tensor:
    """The decoded mode of each picture's code: nothing is random."""
    parts = [vae.decode(part).sample for part in encode(vae, pictures).mode().split(64)]
    return torch.cat(parts).float().clamp(-1, 1)


def preview(codes: torch.Tensor, pictures: torch.Tensor) -> dict[str, list]:
    """The colours that are the best linear guess from a scaled code: `matrix` z + `bias`.

    By least squares over every place of the code, against the mean of the pixels that it covers.
    """
    colours = F.adaptive_avg_pool2d(pictures, codes.shape[2:]).transpose(0, 1).flatten(1).T
    places = F.pad(codes.transpose(0, 1).flatten(1).T, (0, 1), value=1.0)
    *matrix, bias = torch.linalg.lstsq(places.double(), colours.double()).solution
    return {"matrix": torch.stack(matrix, 1).tolist(), "bias": bias.tolist()}


@torch.no_grad()
def golden(vae: AutoencoderKL, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
    """Two pictures, their moments, and what PyTorch decodes of their modes in f32."""
    moments = vae.encode(pictures).latent_dist.parameters
    latent = moments.chunk(2, 1)[0].contiguous()
    decoded = vae.decode(latent).sample
    tensors = {"sample": pictures, "moments": moments, "latent": latent, "decoded": decoded}
    return {name: tensor.contiguous() for name, tensor in tensors.items()}
