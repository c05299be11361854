"""Whether the latent model draws what the words say, and says it of the right thing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from transformers import CLIPTokenizer

from ..data import Attribute, Dataset
from ..data.captions import Captions, Tokens
from .agreement import agreement
from .classifier import Classifier, judge
from .samples import save_grid

BATCH = 50
SHOWN = 64  # pictures in the figure
Wish = dict[str, str]  # values by the attributes' names
# Two values that change places: whoever only reads a bag of words draws both alike.
SWAPS: list[tuple[Wish, Wish]] = [
    ({"hair": "green", "eyes": "red"}, {"hair": "red", "eyes": "green"}),
    ({"hair": "blue", "eyes": "yellow"}, {"hair": "blonde", "eyes": "blue"}),
    (
        {"hair": "white", "clothing": "blue-robe"},
        {"hair": "blue", "clothing": "white-robe"},
    ),
    (
        {"hair": "purple", "clothing": "green-robe"},
        {"hair": "green", "clothing": "purple-robe"},
    ),
    (
        {"clothing": "teal-shirt", "legs": "white-trousers"},
        {"clothing": "white-shirt", "legs": "teal-trousers"},
    ),
    (
        {"legs": "steel-greaves", "feet": "golden-boots"},
        {"legs": "golden-greaves", "feet": "steel-boots"},
    ),
]


@dataclass(frozen=True)
class Recipe:
    steps: int = 20
    guidance_scale: float = 3.0
    seed: int = 0


class Painter:
    """Draws prompts with an exported pipeline, as diffusers does it."""

    def __init__(self, folder: Path, device: torch.device | str) -> None:
        self.pipeline = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32)
        self.pipeline.to(device).set_progress_bar_config(disable=True)

    @property
    def tokenizer(self) -> CLIPTokenizer:
        return self.pipeline.tokenizer

    def __call__(self, prompts: list[str], recipe: Recipe) -> torch.Tensor:
        """Pictures f32 [N, 3, H, W] in [-1, 1], on the CPU."""
        parts = []
        for start in range(0, len(prompts), BATCH):
            # Of the batch alone, so that a picture does not depend on how many follow.
            generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + start)
            drawn = self.pipeline(
                prompts[start : start + BATCH],
                num_inference_steps=recipe.steps,
                guidance_scale=recipe.guidance_scale,
                generator=generator,
                output_type="pt",
            )
            parts.append(drawn.images.float().cpu())
        return 2 * torch.cat(parts) - 1


@dataclass(frozen=True)
class Asked:
    """Prompts, the labels [N, A] that they name, and which of these a picture can show."""

    prompts: list[str]
    labels: torch.Tensor  # what a prompt leaves open is null
    visible: torch.Tensor  # bool

    @classmethod
    def of_pictures(
        cls, test: Dataset, tokenizer: CLIPTokenizer, captions: Captions, count: int
    ) -> "Asked":
        """A caption of each of the first `count` pictures, which names something that they show."""
        labels, visible = (part[:count].cpu() for part in (test.labels, test.visible))
        rows = captions.draw(labels, visible, torch.Generator().manual_seed(2), least=1)
        _, said = Tokens(captions, tokenizer)(rows)
        return cls(captions.texts(rows), torch.where(said, labels, captions.null), visible)


def named(
    painter: Painter, classifier: Classifier, asked: Asked, attributes: list[Attribute], out: Path
) -> dict[str, Any]:
    """How often what is named is seen; writes `drawn.png` and `drawn.txt` to `out`."""
    drawn = painter(asked.prompts, Recipe())
    save_grid(drawn[:SHOWN], out / "drawn.png", scale=3)
    (out / "drawn.txt").write_text("".join(f"{prompt}\n" for prompt in asked.prompts[:SHOWN]))
    seen = judge(classifier, drawn).labels
    return agreement(seen, asked.labels, asked.visible, attributes)


def swapped(
    painter: Painter,
    classifier: Classifier,
    say: Callable[[Wish], str],
    attributes: list[Attribute],
    count: int,
    out: Path,
) -> list[dict[str, Any]]:
    """Of each pair of wishes, how often both of a picture's two values are seen as asked.

    `say` words a wish. The pictures of a pair come from the same noises: `both` counts the noises
    of which both pictures are right. Writes `swapped.png`, a row for each wish, to `out`.
    """
    figures, rows = [], []
    for pair in SWAPS:
        prompts = [[say(wish) for _ in range(count)] for wish in pair]
        drawn = [painter(several, Recipe(seed=1)) for several in prompts]
        right = [
            shows(classifier, pictures, wish, attributes)
            for pictures, wish in zip(drawn, pair, strict=True)
        ]
        rows += [pictures[:8] for pictures in drawn]
        figures.append(
            {
                "wishes": pair,
                "prompts": [several[0] for several in prompts],
                "right": [share.float().mean().item() for share in right],
                "both": (right[0] & right[1]).float().mean().item(),
            }
        )
    save_grid(torch.cat(rows), out / "swapped.png", columns=8, scale=3)
    return figures


def shows(
    classifier: Classifier, pictures: torch.Tensor, wish: Wish, attributes: list[Attribute]
) -> torch.Tensor:
    """Whether the classifier sees all of the wish in each picture, bool [N]."""
    seen = judge(classifier, pictures).labels
    agrees = [
        seen[:, column] == attribute.values.index(wish[attribute.name])
        for column, attribute in enumerate(attributes)
        if attribute.name in wish
    ]
    return torch.stack(agrees).all(0)
