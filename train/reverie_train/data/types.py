"""What every data set is to the trainer: images with one value for each of its attributes."""

from dataclasses import dataclass

import torch


class DataError(ValueError):
    """The data cannot be read; says which file and what to do."""


@dataclass(frozen=True)
class Attribute:
    """One thing that can be asked for; its null value is written as `len(values)`."""

    name: str
    title: str
    values: list[str]

    @property
    def null(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Dataset:
    """Images whole in memory. A set with classes has one attribute, the class."""

    images: torch.Tensor  # u8 [N, C, H, W]
    labels: torch.Tensor  # i64 [N, A], a value of each attribute
    attributes: list[Attribute]
    visible: torch.Tensor  # bool [N, A]: whether the picture shows the attribute
    licence: str
    credits: str
    artists: list[str]

    def __len__(self) -> int:
        return len(self.images)

    def pixels(self, indices: torch.Tensor | slice) -> torch.Tensor:
        """The images as the network sees them, f32 in [-1, 1]."""
        return to_samples(self.images[indices])


def to_samples(images: torch.Tensor) -> torch.Tensor:
    return images.float().div(127.5).sub(1)


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
