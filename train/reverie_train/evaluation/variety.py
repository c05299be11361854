"""Whether what is left free stays diverse when some attributes are given."""

import random

import torch

from ..data.lpc import TITLES, Wardrobe
from .classifier import Classifier, judge
from .measures import entropy

# Three wishes each, over every attribute. A body goes with clothing, which is cut for it.
WISHES = [
    {"skin": "orc", "hair": "pink", "clothing": "plate-armour"},
    {"body": "female", "hairstyle": "loose", "eyes": "green"},
    {"skin": "brown", "beard": "beard", "headwear": "gold-tiara"},
    {"body": "male", "hair": "white", "headwear": "none"},
    {"hairstyle": "mohawk", "eyes": "red", "skin": "moon-elf"},
]


def wish_labels(wardrobe: Wardrobe, count: int) -> torch.Tensor:
    """Labels [len(WISHES), count, A] with all but the wishes null."""
    rows = []
    for wish in WISHES:
        row = [
            a.values.index(wish[a.name]) if a.name in wish else a.null for a in wardrobe.attributes
        ]
        rows.append(torch.tensor(row).expand(count, -1))
    return torch.stack(rows)


def variety(
    classifier: Classifier, samples: torch.Tensor, wardrobe: Wardrobe, seed: int = 3
) -> dict:
    """Entropies in bits of each free attribute, in samples [W, N, C, H, W] and in the data.

    Both as the classifier sees them, over as many images of the same three wishes, so that neither
    its errors nor the number of images favours one side.
    """
    chance = random.Random(seed)
    names = list(TITLES)
    entropies: list[dict[str, tuple[float, float]]] = []  # of samples and of the data, for a wish
    for wish, drawn in zip(WISHES, samples, strict=True):
        composed = torch.stack(
            [wardrobe.pixels(wardrobe.draw(chance, wish)) for _ in range(len(drawn))]
        )
        seen, real = judge(classifier, drawn).labels, judge(classifier, composed).labels
        entropies.append(
            {
                name: (entropy(seen[:, i]), entropy(real[:, i]))
                for i, name in enumerate(names)
                if name not in wish
            }
        )

    by_attribute = {name: _share([e[name] for e in entropies if name in e]) for name in names}
    return {
        "images_per_wish": samples.shape[1],
        "wishes": WISHES,
        "entropy_share": _share([pair for e in entropies for pair in e.values()]),
        "entropy_share_by_wish": [_share(list(e.values())) for e in entropies],
        "entropy_share_by_attribute": by_attribute,
    }


def _share(pairs: list[tuple[float, float]]) -> float:
    """The samples' entropy as a share of the data's."""
    ours, real = zip(*pairs, strict=True)
    return sum(ours) / sum(real)
