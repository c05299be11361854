"""Portraits composed from the Liberated Pixel Cup's character layers, labelled by what is worn.

Every layer sheet shows the same poses at the same places, so that a portrait is one crop of each,
drawn on top of one another. `lpc.toml` names what there is, of portraits and of figures.
"""

import random
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import ClassVar, Self

import torch

from ..config import DataConfig
from .composer import Composer, Sheets
from .layers import SOURCE, Layers
from .types import Attribute, DataError, Dataset

BACKGROUND = (133, 150, 168)
TITLES = {
    "body": "Body",
    "skin": "Skin",
    "eyes": "Eyes",
    "hairstyle": "Hair style",
    "hair": "Hair colour",
    "beard": "Facial hair",
    "clothing": "Clothing",
    "headwear": "Head-wear",
}
ELVES = ("dark-elf", "moon-elf")
# What head-wear leaves too little of to tell.
COVERED = {
    "bandana": {"hairstyle"},
    "leather-cap": {"hairstyle"},
    "kettle-hat": {"hairstyle"},
    "chain-hood": {"hairstyle", "hair", "beard"},
    "cloth-hood": {"hairstyle", "hair"},
    "steel-helmet": {"hairstyle", "hair", "eyes", "beard"},
    "golden-helmet": {"hairstyle", "hair", "eyes", "beard"},
}
FULL_BEARDS = ("moustache", "big-moustache", "beard")
# How often the value that hides or lacks something is drawn; otherwise all are equally likely.
BALD, BEARDLESS_MALE, BEARDLESS_FEMALE, BAREHEADED = 0.06, 0.5, 0.9, 0.5

Portrait = dict[str, str]


@dataclass(frozen=True)
class Wardrobe:
    """The sheets and the vocabulary over them: what a portrait may be made of."""

    layers: Layers
    table: dict[str, dict]

    titles: ClassVar[dict[str, str]] = TITLES
    # Those whose values are cut to fit: drawn only with the bodies that the table names.
    fitted: ClassVar[tuple[str, ...]] = ("clothing",)
    rows: ClassVar[slice] = slice(12, 44)  # of the frame: head and shoulders

    @classmethod
    def open(cls, root: Path) -> Self:
        table = tomllib.loads(Path(__file__).with_name("lpc.toml").read_text())
        return cls(Layers(root), table)

    @property
    def root(self) -> Path:
        return self.layers.root

    @cached_property
    def attributes(self) -> list[Attribute]:
        def values(name: str) -> list[str]:
            if name not in self.fitted:
                return list(self.table[name])
            return [value for fit in self.table[name].values() for value in fit]

        return [Attribute(name, title, values(name)) for name, title in self.titles.items()]

    def draw(self, chance: random.Random, wish: Portrait | None = None) -> Portrait:
        """A random portrait that has the wish's values; others are as likely as their fellows."""
        wish = wish or {}
        body = wish.get("body") or chance.choice(self._bodies(wish))
        beardless = BEARDLESS_MALE if body == "male" else BEARDLESS_FEMALE

        def pick(name: str, first: float) -> str:
            nothing, *others = self.table[name]
            return nothing if chance.random() < first else chance.choice(others)

        return {
            "body": body,
            "skin": chance.choice(list(self.table["skin"])),
            "eyes": chance.choice(list(self.table["eyes"])),
            "hairstyle": pick("hairstyle", BALD),
            "hair": chance.choice(list(self.table["hair"])),
            "beard": pick("beard", beardless),
            "clothing": chance.choice(list(self._cut("clothing", body))),
            "headwear": pick("headwear", BAREHEADED),
        } | wish

    def _cut(self, name: str, body: str) -> dict[str, list[str]]:
        """The values of a fitted attribute that the body can wear, and their sheets."""
        return self.table[name]["both"] | self.table[name].get(body, {})

    def _bodies(self, wish: Portrait) -> list[str]:
        """Those that what is wished for is cut for."""
        worn = [name for name in self.fitted if name in wish]
        fits = [
            body
            for body in self.table["body"]
            if all(wish[name] in self._cut(name, body) for name in worn)
        ]
        if not fits:
            raise DataError("there is no " + " and ".join(f"{n} {wish[n]!r}" for n in worn))
        return fits

    def visible(self, portrait: Portrait) -> set[str]:
        """The attributes that the picture shows."""
        return visible(portrait)

    def compose(
        self, portraits: Iterable[Portrait], device: torch.device | str = "cpu"
    ) -> torch.Tensor:
        """The pictures, u8 [N, 3, H, 32]."""
        composer = Composer(self.layers, self.rows, BACKGROUND, device)
        return composer(self.sheets(portrait) for portrait in portraits)

    def pixels(self, portrait: Portrait) -> torch.Tensor:
        """The picture, u8 [3, H, 32]."""
        return self.compose([portrait])[0]

    def sheets(self, portrait: Portrait) -> Sheets:
        """What the portrait is drawn of."""
        body, colour = portrait["body"], self.table["hair"][portrait["hair"]]
        style = self.table["hairstyle"][portrait["hairstyle"]]
        hat = self.table["headwear"][portrait["headwear"]].format(body=body)
        underneath = self._skin(portrait) + self._garments("clothing", portrait)
        if beard := self.table["beard"][portrait["beard"]]:
            underneath.append(f"facial/{body}/{beard}/{colour}.png")
        return Sheets(
            underneath,
            hair=f"hair/{body}/{style}/{colour}.png" if style else None,
            hat=hat or None,
            tucked=bool(hat) and "tiara" not in portrait["headwear"],
        )

    def _skin(self, portrait: Portrait) -> list[str]:
        """The sheets of body and face."""
        body, skin = portrait["body"], self.table["skin"][portrait["skin"]]
        paths = [f"body/{body}/{skin}.png", f"body/{body}/eyes/{portrait['eyes']}.png"]
        if portrait["skin"] in ELVES:
            paths.append(f"body/{body}/ears/elvenears_{skin}.png")
        return paths

    def _garments(self, name: str, portrait: Portrait) -> list[str]:
        """The sheets of what is worn as the attribute `name`."""
        body = portrait["body"]
        sheets = self._cut(name, body).get(portrait[name])
        if sheets is None:
            raise DataError(f"no {portrait[name]} is cut for {body}")
        return [sheet.format(body=body) for sheet in sheets]

    def every_sheet(self) -> set[str]:
        """The paths of all that anyone may be drawn of."""
        paths: set[str] = set()
        for body, colour in product(self.table["body"], self.table["hair"]):
            bare = {
                "body": body,
                "hair": colour,
                "clothing": next(iter(self._cut("clothing", body))),
            }
            plain = self.draw(random.Random(0), bare)
            for name in self.titles.keys() - {"body", "hair"}:
                values = self._cut(name, body) if name in self.fitted else self.table[name]
                for value in values:
                    paths.update(self.sheets(plain | {name: value}).paths)
        return paths

    def artists(self) -> list[str]:
        return self.layers.artists()


def visible(portrait: Portrait) -> set[str]:
    """The attributes that the picture shows."""
    shown = set(TITLES)
    if portrait["hairstyle"] == "bald":
        shown -= {"hair"}
    shown -= COVERED.get(portrait["headwear"], set())
    if portrait["beard"] in FULL_BEARDS and "beard" in shown:
        shown |= {"hair"}
    return shown


def load_portraits(
    config: DataConfig, root: Path, split: str, device: torch.device | str
) -> Dataset:
    """`config.train_images` or `config.test_images` portraits; no test portrait is a train one."""
    return load_drawn(Wardrobe.open(root / "LPC"), config, split, device)


def load_drawn(
    wardrobe: Wardrobe, config: DataConfig, split: str, device: torch.device | str
) -> Dataset:
    """A split of random characters of the wardrobe, drawn on the device."""
    train = _draw(wardrobe, config.train_images, seed=1, without=set())
    portraits = train
    if split == "test":
        portraits = _draw(wardrobe, config.test_images, seed=2, without=set(train))
    names = list(wardrobe.titles)
    attributes = wardrobe.attributes
    index = [{value: i for i, value in enumerate(a.values)} for a in attributes]
    dressed = [dict(zip(names, values, strict=True)) for values in portraits]
    shown = [wardrobe.visible(portrait) for portrait in dressed]
    return Dataset(
        images=wardrobe.compose(dressed, device),
        labels=torch.tensor(
            [[index[i][value] for i, value in enumerate(values)] for values in portraits],
            device=device,
        ),
        attributes=attributes,
        visible=torch.tensor([[name in shows for name in names] for shows in shown], device=device),
        licence="CC-BY-SA 3.0",
        credits="Trained on layers of the Liberated Pixel Cup's characters, from the Universal LPC "
        f"spritesheet ({SOURCE}), CC-BY-SA 3.0 / GPL 3.0, by the artists named here.",
        artists=wardrobe.artists(),
    )


def _draw(
    wardrobe: Wardrobe, count: int, seed: int, without: set[tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """`count` different combinations, none of them in `without`."""
    chance = random.Random(seed)
    drawn: dict[tuple[str, ...], None] = {}
    while len(drawn) < count:
        portrait = tuple(wardrobe.draw(chance).values())
        if portrait not in without:
            drawn[portrait] = None
    return list(drawn)
