"""Labelled images, whole in memory, as the network sees them: f32 [N, C, H, W] in [-1, 1]."""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torchvision.datasets import MNIST

from .config import DataConfig


@dataclass(frozen=True)
class Dataset:
    images: torch.Tensor  # f32 [N, C, H, W] in [-1, 1]
    labels: torch.Tensor  # i64 [N]
    class_names: list[str]
    licence: str
    credits: str


class Shuffle:
    """An endless stream of indices, a fresh permutation for every epoch, open at any position."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self.epoch, self.permutation = -1, torch.empty(0)

    def __getitem__(self, position: int) -> int:
        epoch, offset = divmod(position, self.count)
        if epoch != self.epoch:
            generator = torch.Generator().manual_seed(self.seed * 100_003 + epoch)
            self.epoch = epoch
            self.permutation = torch.randperm(self.count, generator=generator)
        return int(self.permutation[offset])


def load_dataset(config: DataConfig, root: Path, split: str = "train") -> Dataset:
    """Loads `config.dataset` from `root`, which torchvision fills when it is empty."""
    if config.dataset != "mnist":
        raise ValueError(f"unknown dataset {config.dataset!r}")
    images, labels = _mnist(root, "train" if split == "train" else "t10k")
    images = images.float().div(127.5).sub(1).unsqueeze(1)
    pad = config.pad
    return Dataset(
        images=torch.nn.functional.pad(images, (pad, pad, pad, pad), value=-1.0),
        labels=labels.long(),
        class_names=[str(digit) for digit in range(10)],
        licence="MIT",
        credits="Trained on MNIST (LeCun, Cortes, Burges), from the mirror rasbt/mnist-pngs (MIT).",
    )


def _mnist(root: Path, prefix: str) -> tuple[torch.Tensor, torch.Tensor]:
    # torchvision checks the MD5 of upstream's archives; a lossless repack has another one. Its
    # layout is kept and its downloader used, but the archives are read here.
    raw = Path(root) / "MNIST" / "raw"
    if not (raw / f"{prefix}-images-idx3-ubyte.gz").exists():
        MNIST(root, download=True)
    return (
        _read_idx(raw / f"{prefix}-images-idx3-ubyte.gz"),
        _read_idx(raw / f"{prefix}-labels-idx1-ubyte.gz"),
    )


def _read_idx(path: Path) -> torch.Tensor:
    """A gzipped IDX file of bytes: magic 0x0000'08'rank, big-endian dimensions, data."""
    content = gzip.decompress(path.read_bytes())
    if content[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    rank = content[3]
    shape = np.frombuffer(content, ">u4", rank, offset=4)
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=4 + 4 * rank).copy()).reshape(
        *shape.tolist()
    )
