"""Drawing rare values as often as common ones."""

import torch

from .types import Dataset


class Balanced:
    """Draws images so that each value of an attribute is shown as often as its fellows.

    A data set has few tiaras, since half of its figures wear nothing on their heads. Here an
    attribute is drawn, then one of its values, then an image that shows it, all evenly.
    """

    def __init__(self, data: Dataset) -> None:
        weights = torch.zeros(len(data), dtype=torch.float64, device=data.images.device)
        for column, attribute in enumerate(data.attributes):
            labels, shown = data.labels[:, column], data.visible[:, column]
            count = torch.bincount(labels[shown], minlength=attribute.null)
            share = torch.where(count > 0, 1 / count.double(), 0.0) / (count > 0).sum().clamp(min=1)
            weights += share[labels] * shown
        self.cumulative = (weights / weights.sum()).cumsum(0)

    def draw(self, size: int, generator: torch.Generator) -> torch.Tensor:
        """`size` indices, on the data's device."""
        unit = torch.rand(
            size, generator=generator, device=self.cumulative.device, dtype=torch.float64
        )
        return torch.searchsorted(self.cumulative, unit).clamp_(max=len(self.cumulative) - 1)
