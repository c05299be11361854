"""The phrases that captions are made of: every way to say every value, numbered.

`captions.toml` is the vocabulary. A phrase says one attribute or two that belong together: the
opening says body and skin, and hair its style and colour, the colour before the noun.
"""

import re
import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path

import torch

from .types import Attribute

OPENING, FEATURE, WORN = 0, 1, 2  # kinds of phrases
EMPTY, WITH, WEARING, IN, AND, COMMA = range(6)
CONNECTORS = ["", "with", "wearing", "in", "and", ","]
# What one phrase may say together, and its kind.
SLOTS: list[tuple[tuple[str, ...], int]] = [
    (("body", "skin"), OPENING),
    (("eyes",), FEATURE),
    (("hairstyle", "hair"), FEATURE),
    (("beard",), FEATURE),
    (("clothing",), WORN),
    (("headwear",), WORN),
    (("legs",), WORN),
    (("feet",), WORN),
]
Values = tuple[str | None, ...]


@dataclass(frozen=True)
class Slot:
    """Where in the list of phrases those of a slot's values stand."""

    columns: list[int]  # of its attributes
    first: torch.Tensor  # i64 [V + 1] or [V + 1, W + 1], the null value last
    count: torch.Tensor


@dataclass
class Phrases:
    attributes: list[Attribute]
    texts: list[str] = field(default_factory=lambda: list(CONNECTORS))
    kinds: list[int] = field(default_factory=lambda: [OPENING] * len(CONNECTORS))
    says: list[set[int]] = field(default_factory=lambda: [set() for _ in CONNECTORS])

    def __post_init__(self) -> None:
        path = Path(__file__).with_name("captions.toml")
        self.words = tomllib.loads(path.read_text())
        column = {a.name: i for i, a in enumerate(self.attributes)}
        self.slots = [
            self._slot([column[name] for name in names], kind)
            for names, kind in SLOTS
            if names[0] in column
        ]

    @cached_property
    def named(self) -> torch.Tensor:
        """Which attributes a phrase says, bool [P, A]."""
        width = range(len(self.attributes))
        return torch.tensor([[column in said for column in width] for said in self.says])

    @cached_property
    def kind(self) -> torch.Tensor:
        return torch.tensor(self.kinds)

    def _slot(self, columns: list[int], kind: int) -> Slot:
        attributes = [self.attributes[column] for column in columns]
        shape = [a.null + 1 for a in attributes]
        spans = []
        for values in product(*([*a.values, None] for a in attributes)):
            said = dict(zip([a.name for a in attributes], values, strict=True))
            if said.get("hairstyle") == "bald":
                said["hair"] = None  # whatever colour there is, it is not this phrase's
            variants = self._say(said)
            kinds = [kind] * len(variants)
            if "headwear" in said:  # one is "with" a hat as well as wearing it
                variants, kinds = 2 * variants, [FEATURE] * len(kinds) + kinds
            if said.get("headwear") == "none":
                kinds = [FEATURE] * len(kinds)
            spans.append((len(self.texts), len(variants)))
            self.texts += variants
            self.kinds += kinds
            names = [name for name, value in said.items() if value is not None]
            columns_said = {c for c, a in zip(columns, attributes, strict=True) if a.name in names}
            self.says += [columns_said] * len(variants)
        first, count = torch.tensor(spans).T
        return Slot(columns, first.reshape(shape), count.reshape(shape))

    def _say(self, said: dict[str, str | None]) -> list[str]:
        """Every way to say these values; at least one, which is empty where nothing is said."""
        match said:
            case {"body": body, "skin": skin}:
                return self._opening(body, skin)
            case {"hairstyle": None, "hair": None}:
                return [""]
            case {"hairstyle": style, "hair": colour}:
                patterns = self.words["hairstyle"][style] if style else ["{} hair"]
                return [article(p, c) for p in patterns for c in self._colours(colour)]
            case {"eyes": str(colour)}:
                return [f"{c} eyes" for c in self._colours(colour)]
        ((name, value),) = said.items()
        if value is None:
            return [""]
        return [article(p, plain(value)) for p in self.words[name].get(value, ["a {}"])]

    def _opening(self, body: str | None, skin: str | None) -> list[str]:
        noun, adjective = self.words["body"].get(body, (None, None))
        people = self.words["people"].get(skin)
        if people:
            ways = [f"{adjective} {people}", f"{people} {noun}"] if body else [people]
        elif skin:
            nouns = [noun] if body else ["person", "figure"]
            ways = [f"{plain(skin)} skinned {n}" for n in nouns]
        elif body:
            ways = [noun, f"{adjective} figure"]
        else:
            ways = ["figure", "person", "character"]
        return [article("a {}", way) for way in ways]

    def _colours(self, colour: str | None) -> list[str]:
        if colour is None:
            return [""]
        return [plain(colour), *self.words["colour"].get(colour, [])]


def plain(value: str) -> str:
    return value.replace("-", " ")


def article(pattern: str, word: str) -> str:
    """The pattern with the word in its place, and an article that fits what follows it."""
    text = " ".join(pattern.replace("{}", word).split())
    return re.sub(r"\ba (?=[aeiou])", "an ", text)
