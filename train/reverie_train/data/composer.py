"""Characters composed from layers on any device, a batch at a time.

The arithmetic is that of Pillow's `Image.alpha_composite` over an opaque picture, to the bit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from .layers import Layers

BATCH = 256


@dataclass(frozen=True)
class Sheets:
    """What a character is drawn of, from the lowest layer to the highest."""

    underneath: Sequence[str]  # from the body up to the facial hair
    hair: str | None = None
    hat: str | None = None
    # Whether the hat keeps down the hair that would stick out above it.
    tucked: bool = False

    @property
    def paths(self) -> list[str]:
        return [*self.underneath, *(path for path in (self.hair, self.hat) if path)]


class Composer:
    """Draws characters on a `background` (RGB), cropped to `rows` of the frame."""

    def __init__(
        self,
        layers: Layers,
        rows: slice,
        background: tuple[int, int, int],
        device: torch.device | str = "cpu",
    ) -> None:
        self.layers, self.rows, self.device = layers, rows, torch.device(device)
        self.background = torch.tensor(background, dtype=torch.uint8, device=self.device)

    def __call__(self, characters: Iterable[Sheets]) -> torch.Tensor:
        """Pictures u8 [N, 3, rows, 32]."""
        characters = list(characters)
        row = {path: i for i, path in enumerate({p: 0 for c in characters for p in c.paths}, 1)}
        table = self._table(list(row))
        kept = kept_below(table[:, 3])
        depth = max(len(c.underneath) for c in characters)
        # Row 0 of the table is an empty layer, for what a character does not wear.
        slots = torch.tensor(
            [
                [row[path] for path in c.underneath]
                + [0] * (depth - len(c.underneath))
                + [row.get(c.hair, 0), row.get(c.hat, 0), row[c.hat] if c.tucked else 0]
                for c in characters
            ],
            device=self.device,
        )
        soft = ((table[:, 3] > 0) & (table[:, 3] < 255)).flatten(1).any(1)
        return torch.cat([self._draw(table, soft, kept, part) for part in slots.split(BATCH)])

    def _table(self, paths: list[str]) -> torch.Tensor:
        """u8 [1 + paths, 4, rows, 32]."""
        frames = np.stack([self.layers[path][self.rows] for path in paths])
        empty = np.zeros_like(frames[:1])
        table = torch.from_numpy(np.concatenate([empty, frames])).permute(0, 3, 1, 2)
        return table.contiguous().to(self.device)

    def _draw(
        self, table: torch.Tensor, soft: torch.Tensor, kept: torch.Tensor, slots: torch.Tensor
    ) -> torch.Tensor:
        *underneath, hair, hat, tucks = slots.unbind(1)
        picture = self.background[:, None, None].expand(len(slots), 3, *table.shape[2:])
        for slot in underneath:
            picture = over(picture, table[slot], soft[slot])
        layer = table[hair]
        layer[:, 3] *= kept[tucks]
        return over(over(picture, layer, soft[hair]), table[hat], soft[hat])


def over(picture: torch.Tensor, layer: torch.Tensor, soft: torch.Tensor) -> torch.Tensor:
    """RGBA layers u8 [N, 4, H, W] upon opaque pictures u8 [N, 3, H, W].

    `soft` says of each layer whether it has pixels that are neither clear nor opaque: few have, and
    only they need arithmetic.
    """
    colour, alpha = layer[:, :3], layer[:, 3:]
    picture = torch.where(alpha == 255, colour, picture)
    mixed = soft.nonzero()[:, 0]
    if len(mixed):
        a = alpha[mixed].int()
        sums = (colour[mixed].int() * a + picture[mixed].int() * (255 - a) + 128) * 128
        picture[mixed] = (((sums >> 8) + sums) >> 15).to(torch.uint8)
    return picture


def kept_below(alpha: torch.Tensor) -> torch.Tensor:
    """For hats' alpha u8 [N, H, W]: 0 where hair would stick out above the hat, else 1, u8."""
    worn = alpha > 127
    reached = worn.flip(1).cummax(1).values.flip(1)  # the hat begins here or further down
    return (~(reached & ~worn)).to(torch.uint8)
