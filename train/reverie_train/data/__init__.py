"""The data sets, each read from where its upstream loader keeps it."""

from pathlib import Path

import torch

from ..config import DataConfig
from . import figures, idx, lpc
from .types import Attribute, DataError, Dataset, Shuffle, box, to_samples

LOADERS = {
    "mnist": idx.load_mnist,
    "fashion_mnist": idx.load_fashion_mnist,
    "lpc": lpc.load_portraits,
    "figures": figures.load_figures,
}


def load_dataset(
    config: DataConfig, root: Path, split: str = "train", device: torch.device | str = "cpu"
) -> Dataset:
    """The `train` or `test` split of `config.dataset`, from its folder in `root`, on the device."""
    if config.dataset not in LOADERS:
        raise DataError(f"unknown dataset {config.dataset!r}: there are {', '.join(LOADERS)}")
    if split not in ("train", "test"):
        raise DataError(f"unknown split {split!r}: there are train and test")
    return LOADERS[config.dataset](config, Path(root), split, device).shrunk(config.shrink)


__all__ = ["Attribute", "DataError", "Dataset", "Shuffle", "box", "load_dataset", "to_samples"]
