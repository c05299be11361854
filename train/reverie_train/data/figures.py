"""Figures from head to foot, composed of the portraits' layers and of what legs and feet wear."""

import random
from pathlib import Path
from typing import ClassVar

import torch

from ..config import DataConfig
from .composer import Sheets
from .layers import HEIGHT
from .lpc import TITLES, Portrait, Wardrobe, load_drawn, visible
from .types import Dataset

# What clothing leaves too little of to tell. It is not drawn either: nothing sticks out below.
LONG = {"green-dress", "black-gown", "aqua-gown", "red-gown", "white-gown"}
ROBES = {f"{c}-robe" for c in ("black", "blue", "brown", "green", "gray", "purple", "red", "white")}
COVERED = {name: {"legs"} for name in LONG | ROBES} | {
    name: {"legs", "feet"} for name in ("blouse", "pinafore")
}


class Figures(Wardrobe):
    """The wardrobe with what only a whole figure shows."""

    titles: ClassVar[dict[str, str]] = TITLES | {"legs": "Legs", "feet": "Feet"}
    fitted: ClassVar[tuple[str, ...]] = ("clothing", "legs", "feet")
    rows: ClassVar[slice] = slice(0, HEIGHT)

    def draw(self, chance: random.Random, wish: Portrait | None = None) -> Portrait:
        wish = wish or {}
        body = wish.get("body") or chance.choice(self._bodies(wish))
        return (
            super().draw(chance, wish | {"body": body})
            | {name: chance.choice(list(self._cut(name, body))) for name in ("legs", "feet")}
            | wish
        )

    def sheets(self, portrait: Portrait) -> Sheets:
        above = super().sheets(portrait)
        skin = self._skin(portrait)
        hidden = COVERED.get(portrait["clothing"], set())
        # Trousers hang over shoes, and skirts over boots.
        below = [
            path
            for name in ("feet", "legs")
            for path in self._garments(name, portrait)
            if name not in hidden
        ]
        underneath = [*skin, *below, *above.underneath[len(skin) :]]
        return Sheets(underneath, above.hair, above.hat, above.tucked)

    def visible(self, portrait: Portrait) -> set[str]:
        shown = visible(portrait) | {"legs", "feet"}
        return shown - COVERED.get(portrait["clothing"], set())


def load_figures(config: DataConfig, root: Path, split: str, device: torch.device | str) -> Dataset:
    """`config.train_images` or `config.test_images` figures; no test figure is a train one."""
    return load_drawn(Figures.open(root / "LPC"), config, split, device)
