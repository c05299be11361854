"""What every data set is to the trainer: images with one value for each of its attributes."""

from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F


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

    def to(self, device: torch.device) -> "Dataset":
        """The same set, its tensors on the device."""
        names = ("images", "labels", "visible")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})

    def shrunk(self, factor: int) -> "Dataset":
        """The same set, its pictures averaged over squares of `factor` pixels."""
        if factor == 1:
            return self
        parts = [
            box(part.float(), factor).round().to(torch.uint8) for part in self.images.split(1000)
        ]
        return replace(self, images=torch.cat(parts))

    def pixels(self, indices: torch.Tensor | slice) -> torch.Tensor:
        """The images as the network sees them, f32 in [-1, 1]."""
        return to_samples(self.images[indices])


def box(images: torch.Tensor, factor: int) -> torch.Tensor:
    """Means of squares of `factor` pixels [N, C, H, W]."""
    if images.shape[-2] % factor or images.shape[-1] % factor:
        raise DataError(
            f"pictures of {list(images.shape[-2:])} pixels have no {factor}th of a side"
        )
    return F.avg_pool2d(images, factor)


def to_samples(images: torch.Tensor) -> torch.Tensor:
    return images.float().div(127.5).sub(1)


class Shuffle:
    """An endless stream of indices, a fresh permutation for every epoch, open at any position."""

    def __init__(self, count: int, seed: int, device: torch.device | str = "cpu") -> None:
        self.count, self.seed, self.device = count, seed, device
        self.epoch, self.permutation = -1, torch.empty(0)

    def __getitem__(self, position: int) -> int:
        return int(self.batch(position, 1))

    def batch(self, first: int, size: int) -> torch.Tensor:
        """`size` indices from position `first` on, on the device."""
        epoch, offset = divmod(first, self.count)
        self._open(epoch)
        part = self.permutation[offset : offset + size]
        if len(part) == size:
            return part
        return torch.cat([part, self.batch(first + len(part), size - len(part))])

    def _open(self, epoch: int) -> None:
        if epoch != self.epoch:
            generator = torch.Generator().manual_seed(self.seed * 100_003 + epoch)
            self.epoch = epoch
            permutation = torch.randperm(self.count, generator=generator)
            self.permutation = permutation.to(self.device)
