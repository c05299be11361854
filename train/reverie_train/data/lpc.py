"""Portraits composed from the Liberated Pixel Cup's character layers, labelled by what is worn.

Every layer sheet shows the same poses at the same places, so that a portrait is one crop of each,
drawn on top of one another. `lpc.toml` names what there is.
"""

import random
import re
import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageChops, UnidentifiedImageError

from ..config import DataConfig
from .types import Attribute, DataError, Dataset

SOURCE = "https://github.com/jrconway3/Universal-LPC-spritesheet"
# Row 10 of the 64x64 frames is the walk towards the viewer, and its first frame stands still; in
# it, head and shoulders.
CROP = (16, 640 + 12, 48, 640 + 44)
BACKGROUND = (133, 150, 168, 255)
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
    """A checkout of the sheets and the vocabulary over it."""

    root: Path
    table: dict[str, dict]

    @classmethod
    def open(cls, root: Path) -> "Wardrobe":
        if not root.is_dir():
            raise DataError(f"{root} is missing: clone {SOURCE} there, or give another --data")
        return cls(root, tomllib.loads(Path(__file__).with_name("lpc.toml").read_text()))

    @cached_property
    def attributes(self) -> list[Attribute]:
        values = {name: list(self.table[name]) for name in TITLES if name != "clothing"}
        values["clothing"] = [value for fit in self.table["clothing"].values() for value in fit]
        return [Attribute(name, title, values[name]) for name, title in TITLES.items()]

    def draw(self, chance: random.Random, wish: Portrait | None = None) -> Portrait:
        """A random portrait that has the wish's values; others are as likely as their fellows."""
        wish = wish or {}
        body = wish.get("body") or chance.choice(self._bodies(wish.get("clothing")))
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
            "clothing": chance.choice(list(self._garments(body))),
            "headwear": pick("headwear", BAREHEADED),
        } | wish

    def _garments(self, body: str) -> dict[str, list[str]]:
        return self.table["clothing"]["both"] | self.table["clothing"][body]

    def _bodies(self, clothing: str | None) -> list[str]:
        """Those that the clothing is cut for."""
        fits = [b for b in self.table["body"] if clothing is None or clothing in self._garments(b)]
        if not fits:
            raise DataError(f"there is no clothing {clothing!r}")
        return fits

    def compose(self, portrait: Portrait) -> Image.Image:
        """The picture, RGB 32x32."""
        image = Image.new("RGBA", (32, 32), BACKGROUND)
        hat = self._headwear(portrait)
        for path in self._underneath(portrait):
            image.alpha_composite(self.layer(path))
        if hair := self._hair(portrait):
            layer = self.layer(hair)
            if hat and "tiara" not in portrait["headwear"]:
                layer = below(layer, self.layer(hat))
            image.alpha_composite(layer)
        if hat:
            image.alpha_composite(self.layer(hat))
        return image.convert("RGB")

    def pixels(self, portrait: Portrait) -> torch.Tensor:
        """The picture, u8 [3, 32, 32]."""
        return torch.from_numpy(np.array(self.compose(portrait))).permute(2, 0, 1)

    def _underneath(self, portrait: Portrait) -> list[str]:
        """The sheets from the body up to the facial hair."""
        body, skin = portrait["body"], self.table["skin"][portrait["skin"]]
        paths = [f"body/{body}/{skin}.png", f"body/{body}/eyes/{portrait['eyes']}.png"]
        if portrait["skin"] in ELVES:
            paths.append(f"body/{body}/ears/elvenears_{skin}.png")
        garments = self._garments(body).get(portrait["clothing"])
        if garments is None:
            raise DataError(f"no {portrait['clothing']} is cut for {body}")
        paths += [garment.format(body=body) for garment in garments]
        if beard := self.table["beard"][portrait["beard"]]:
            paths.append(f"facial/{body}/{beard}/{self.table['hair'][portrait['hair']]}.png")
        return paths

    def _hair(self, portrait: Portrait) -> str | None:
        style = self.table["hairstyle"][portrait["hairstyle"]]
        colour = self.table["hair"][portrait["hair"]]
        return f"hair/{portrait['body']}/{style}/{colour}.png" if style else None

    def _headwear(self, portrait: Portrait) -> str | None:
        path = self.table["headwear"][portrait["headwear"]]
        return path.format(body=portrait["body"]) or None

    def layer(self, path: str) -> Image.Image:
        return _crop(self.root / path)

    def artists(self) -> list[str]:
        """The names in AUTHORS.txt: each is a line of its own, underlined."""
        path = self.root / "AUTHORS.txt"
        try:
            text = path.read_text("utf-8-sig", errors="replace")
        except OSError as error:
            raise DataError(f"{path}: {error}; the checkout is incomplete") from error
        return list(dict.fromkeys(re.findall(r"^(\S.*?)\s*\n-{3,}\s*$", text, re.MULTILINE)))


@cache
def _crop(path: Path) -> Image.Image:
    try:
        with Image.open(path) as sheet:
            return sheet.convert("RGBA").crop(CROP)
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(f"{path}: {error}; the checkout of {SOURCE} is incomplete") from error


def below(hair: Image.Image, hat: Image.Image) -> Image.Image:
    """The hair without what would stick out above the hat."""
    worn = np.asarray(hat.getchannel("A")) > 127
    above = np.flip(np.maximum.accumulate(np.flip(worn, 0), 0), 0) & ~worn
    kept = Image.fromarray(np.where(above, 0, 255).astype(np.uint8))
    hair = hair.copy()
    hair.putalpha(ImageChops.multiply(hair.getchannel("A"), kept))
    return hair


def visible(portrait: Portrait) -> set[str]:
    """The attributes that the picture shows."""
    shown = set(TITLES)
    if portrait["hairstyle"] == "bald":
        shown -= {"hair"}
    shown -= COVERED.get(portrait["headwear"], set())
    if portrait["beard"] in FULL_BEARDS and "beard" in shown:
        shown |= {"hair"}
    return shown


def load_portraits(config: DataConfig, root: Path, split: str) -> Dataset:
    """`config.train_images` or `config.test_images` portraits; no test portrait is a train one."""
    wardrobe = Wardrobe.open(root / "LPC")
    train = _draw(wardrobe, config.train_images, seed=1, without=set())
    portraits = train
    if split == "test":
        portraits = _draw(wardrobe, config.test_images, seed=2, without=set(train))
    names = list(TITLES)
    attributes = wardrobe.attributes
    index = [{value: i for i, value in enumerate(a.values)} for a in attributes]
    dressed = [dict(zip(names, values, strict=True)) for values in portraits]
    return Dataset(
        images=torch.stack([wardrobe.pixels(portrait) for portrait in dressed]),
        labels=torch.tensor(
            [[index[i][value] for i, value in enumerate(values)] for values in portraits]
        ),
        attributes=attributes,
        visible=torch.tensor([[name in visible(p) for name in names] for p in dressed]),
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
