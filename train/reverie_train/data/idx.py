"""MNIST and Fashion-MNIST, in torchvision's layout and by its downloader."""

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from torchvision import datasets

from ..config import DataConfig
from .types import Attribute, DataError, Dataset

GARMENTS = [
    "T-shirt",
    "Trousers",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]


def load_mnist(config: DataConfig, root: Path, split: str, device: torch.device | str) -> Dataset:
    return _load(
        config,
        root,
        split,
        device,
        datasets.MNIST,
        [str(digit) for digit in range(10)],
        "Trained on MNIST (LeCun, Cortes, Burges), from the mirror rasbt/mnist-pngs (MIT).",
    )


def load_fashion_mnist(
    config: DataConfig, root: Path, split: str, device: torch.device | str
) -> Dataset:
    return _load(
        config,
        root,
        split,
        device,
        datasets.FashionMNIST,
        GARMENTS,
        "Trained on Fashion-MNIST (Xiao, Rasul, Vollgraf 2017), (c) 2017 Zalando SE (MIT).",
    )


def _load(
    config: DataConfig,
    root: Path,
    split: str,
    device: torch.device | str,
    upstream: type,
    names: list[str],
    credits: str,
) -> Dataset:
    # torchvision checks the MD5 of upstream's archives; a lossless repack has another one. Its
    # layout is kept and its downloader used, but the archives are read here.
    raw = root / upstream.__name__ / "raw"
    prefix = "train" if split == "train" else "t10k"
    if not (raw / f"{prefix}-images-idx3-ubyte.gz").exists():
        upstream(root, download=True)
    images = read_idx(raw / f"{prefix}-images-idx3-ubyte.gz")
    labels = read_idx(raw / f"{prefix}-labels-idx1-ubyte.gz")
    if len(images) != len(labels):
        raise DataError(f"{raw} has {len(images)} images and {len(labels)} labels: delete it")
    first = config.train_images if split == "train" else config.test_images
    if first:
        images, labels = images[:first], labels[:first]
    pad = config.pad
    return Dataset(
        images=F.pad(images.unsqueeze(1), (pad, pad, pad, pad), value=0).to(device),
        labels=labels.long().unsqueeze(1).to(device),
        attributes=[Attribute("class", "Class", names)],
        visible=torch.ones(len(labels), 1, dtype=torch.bool, device=device),
        licence="MIT",
        credits=credits,
        artists=[],
    )


def read_idx(path: Path) -> torch.Tensor:
    """A gzipped IDX file of bytes: magic 0x0000'08'rank, big-endian dimensions, data."""
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: {error}; delete its folder to download it again") from error
    if content[:3] != b"\x00\x00\x08" or len(content) < 4 + 4 * content[3]:
        raise DataError(f"{path} is not an IDX file of unsigned bytes: delete its folder")
    rank = content[3]
    shape = np.frombuffer(content, ">u4", rank, offset=4).tolist()
    data = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
    if data.size != np.prod(shape):
        raise DataError(f"{path} says {shape} but holds {data.size} bytes: delete its folder")
    return torch.from_numpy(data.copy()).reshape(shape)
