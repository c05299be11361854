"""Samples to be judged: drawn here by diffusers, or made elsewhere and read from files."""

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from diffusers import DDIMScheduler
from safetensors.torch import load_file
from torchvision.utils import save_image
from tqdm import tqdm

from ..condition import Denoiser, load_denoiser
from ..data import Attribute
from ..sampling import guided, sample_ddim

BATCH = 25  # what fits a processor's caches is fastest there


@dataclass(frozen=True)
class Recipe:
    """How samples are drawn: by DDIM, as the folder's scheduler has it."""

    steps: int
    guidance_scale: float
    seed: int
    eta: float = 0.0


class Sampler:
    """Draws from an exported folder, in `processes` that stay, one a core; 1 is this process.

    With `mixed_precision` the network computes in bf16 as it did in training; without, in f32.
    """

    def __init__(
        self, folder: Path, mixed_precision: bool = False, processes: int | None = None
    ) -> None:
        self.mixed_precision = mixed_precision
        alone = processes == 1 or torch.cuda.is_available()
        if alone:
            _open(folder, mixed_precision)
            self._map = map
        else:
            # Processes of one thread each: a network this small does not fill a second one.
            self._map = ProcessPoolExecutor(
                processes or os.cpu_count(),
                mp_context=get_context("spawn"),
                initializer=_open,
                initargs=(folder, mixed_precision, 1),
            ).map

    def __call__(self, labels: torch.Tensor, recipe: Recipe) -> torch.Tensor:
        """A sample [C, H, W] for each row of labels [N, A]."""
        jobs = [(recipe, i, batch) for i, batch in enumerate(labels.split(BATCH))]
        title = f"samples, {recipe.steps} steps, guidance {recipe.guidance_scale:g}"
        parts = []
        with tqdm(total=len(labels), desc=title, unit="image", mininterval=5) as bar:
            for part in self._map(_generate, jobs):
                parts.append(part)
                bar.update(len(part))
        return torch.cat(parts)


_model: tuple[Denoiser, DDIMScheduler, bool]  # of a worker process


def _open(folder: Path, mixed_precision: bool, threads: int | None = None) -> None:
    global _model
    if threads:
        torch.set_num_threads(threads)
    scheduler = DDIMScheduler.from_pretrained(folder, subfolder="scheduler")
    _model = load_denoiser(folder), scheduler, mixed_precision


def _generate(job: tuple[Recipe, int, torch.Tensor]) -> torch.Tensor:
    recipe, number, labels = job
    denoiser, scheduler, mixed_precision = _model
    config, device = denoiser.unet.config, denoiser.null.device
    # Of the batch alone, so that it does not matter which process draws it.
    generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + number)
    shape = (len(labels), config.in_channels, config.sample_size, config.sample_size)
    noise = torch.randn(shape, generator=generator).to(device, memory_format=torch.channels_last)
    predict = guided(denoiser, labels.to(device), recipe.guidance_scale)
    with torch.autocast(device.type, torch.bfloat16, enabled=mixed_precision):
        sample = sample_ddim(predict, scheduler, noise, recipe.steps, recipe.eta, generator)
        return sample.cpu().contiguous()


def read_samples(
    paths: list[Path], attributes: list[Attribute], asked: list[str]
) -> tuple[torch.Tensor, torch.Tensor]:
    """`sample` of every file, and labels [N, A] of what was asked for in each."""
    samples, labels = [], []
    for path, text in zip(paths, asked, strict=True):
        samples.append(load_file(path)["sample"].float().clamp(-1, 1))
        labels.append(torch.tensor(parse_wish(text, attributes)).expand(len(samples[-1]), -1))
    return torch.cat(samples), torch.cat(labels)


def parse_wish(text: str, attributes: list[Attribute]) -> list[int]:
    """`Sneaker` of classes, or `skin=orc,hair=pink` of attributes; the others are null."""
    pairs = text.split(",") if "=" in text else [f"{attributes[0].name}={text}"]
    wish = dict(pair.split("=", 1) for pair in pairs)
    for name, value in wish.items():
        known = next((a.values for a in attributes if a.name == name), [])
        if value not in known:
            raise ValueError(f"{name}={value}: there is no such attribute or value")
    return [a.values.index(wish[a.name]) if a.name in wish else a.null for a in attributes]


def save_grid(samples: torch.Tensor, path: Path, columns: int = 8, scale: int = 1) -> None:
    """Samples in [-1, 1] as one picture, each pixel `scale` pixels wide."""
    larger = (samples / 2 + 0.5).repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    save_image(larger, path, nrow=columns, padding=2 * scale)
