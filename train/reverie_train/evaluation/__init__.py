"""What a model's card says: one JSON of figures and two pictures, from an exported folder.

Everything is measured against held-out images, and beside what real images score.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import DDPMScheduler

from ..condition import Denoiser, load_denoiser
from ..data import Dataset
from ..data.lpc import Wardrobe
from .agreement import agreement, relative
from .classifier import Classifier, Judgement, judge, load_or_train
from .likelihood import bits_per_dimension
from .measures import frechet_distance, frechet_floor, mean_pairwise_distance, nearest
from .samples import Recipe, Sampler, read_samples, save_grid
from .variety import WISHES, variety, wish_labels

CLOSEST = 16  # pairs in the picture of nearest neighbours


@dataclass(frozen=True)
class Size:
    """How many images each measure takes."""

    samples: int = 2000  # at guidance 1: distance, diversity and memorisation
    guided: int = 1000  # at guidance 2: agreement
    wished: int = 100  # for each of three-attribute wishes
    bound: int = 200
    steps: int = 50


class Evaluation:
    def __init__(
        self,
        folder: Path,
        train: Dataset,
        test: Dataset,
        classifier: Classifier,
        size: Size,
        mixed_precision: bool = False,
        processes: int | None = None,
    ) -> None:
        self.train, self.test, self.classifier, self.size = train, test, classifier, size
        self.denoiser: Denoiser = load_denoiser(folder)
        self.sampler = Sampler(folder, mixed_precision, processes)
        self.ddpm = DDPMScheduler.from_pretrained(folder, subfolder="scheduler")
        self.seconds: dict[str, float] = {}
        order = torch.randperm(len(test), generator=torch.Generator().manual_seed(0))
        self.order = order.repeat(1 + max(size.samples, size.guided) // len(order))
        with self.timed("classifier on real images"):
            self.real = judge(classifier, test.images)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 1)

    def run(self, out: Path, wardrobe: Wardrobe | None) -> dict:
        """All figures; writes `closest.png` and `unguided.png` to `out`."""
        figures: dict = {
            "precision": "bf16" if self.sampler.mixed_precision else "f32",
            "steps": self.size.steps,
            "agreement": self.agreements(),
        }
        samples = self.sample(self.size.samples, Recipe(self.size.steps, 1.0, seed=1))
        with self.timed("judging"):
            seen = judge(self.classifier, samples)
        save_grid(samples[:64], out / "unguided.png", scale=2)
        figures["agreement"]["unguided"] = self.agreement(seen)
        figures["frechet_distance"] = self.distances(seen)
        figures["diversity"] = self.diversity(seen)
        with self.timed("memorisation"):
            figures["memorisation"] = self.memorisation(samples, out / "closest.png")
        with self.timed("bound"):
            chosen = self.order[: self.size.bound]
            figures["bound"] = bits_per_dimension(
                self.denoiser, self.ddpm, self.test.pixels(chosen), self.test.labels[chosen]
            )
        if wardrobe:
            figures["variety"] = self.variety(wardrobe)
            # Fresh noise in every step corrects what a deterministic run cannot take back.
            figures["variety_ancestral"] = self.variety(wardrobe, eta=1.0)
        return figures | {"seconds": self.seconds}

    def sample(self, count: int, recipe: Recipe) -> torch.Tensor:
        """Samples of the first `count` held-out images' labels."""
        labels = self.test.labels[self.order[:count]]
        with self.timed(
            f"{count} samples, {recipe.steps} steps, guidance {recipe.guidance_scale:g}"
        ):
            return self.sampler(labels, recipe)

    def agreement(self, seen: Judgement) -> dict:
        chosen = self.order[: len(seen.labels)]
        asked, visible = self.test.labels[chosen], self.test.visible[chosen]
        return agreement(seen.labels, asked, visible, self.test.attributes)

    def agreements(self) -> dict:
        test = self.test
        real = agreement(self.real.labels, test.labels, test.visible, test.attributes)
        samples = self.sample(self.size.guided, Recipe(self.size.steps, 2.0, seed=0))
        figures = {"real": real, "guided": self.agreement(judge(self.classifier, samples))}
        if len(test.attributes) > 1:
            figures["guided_relative_to_real"] = relative(figures["guided"], real)
        return figures

    def distances(self, seen: Judgement) -> dict:
        """Of samples at full, 10 and 4 steps, and of as many real images, to held-out ones."""
        count, held_out = len(seen.features), self.real.features
        with self.timed("floor"):
            generator = torch.Generator().manual_seed(1)
            some = torch.randperm(len(self.train), generator=generator)[: 5 * count]
            trained = judge(self.classifier, self.train.images[some]).features
            figures = {
                "images": count,
                "floor_train": frechet_floor(trained, held_out, count),
                "floor_held_out": frechet_floor(held_out, held_out, count),
                f"{self.size.steps}_steps": frechet_distance(seen.features, held_out),
            }
        for steps in (10, 4):
            fewer = self.sample(count, Recipe(steps, 1.0, seed=1))
            features = judge(self.classifier, fewer).features
            figures[f"{steps}_steps"] = frechet_distance(features, held_out)
        return figures

    def diversity(self, seen: Judgement) -> dict:
        """Mean distance of pairs in the classifier's features, of samples and of real images."""
        chosen = self.order[: len(seen.labels)]
        real = self.real.features[chosen]
        figures = {
            "samples": mean_pairwise_distance(seen.features),
            "real": mean_pairwise_distance(real),
        }
        if len(self.test.attributes) == 1:
            labels = self.test.labels[chosen, 0]
            figures["samples_within_class"] = mean_pairwise_distance(seen.features, labels)
            figures["real_within_class"] = mean_pairwise_distance(real, labels)
        return figures

    def memorisation(self, samples: torch.Tensor, picture: Path) -> dict:
        """Distances to the nearest training image, of samples and of as many held-out images."""
        held_out = self.test.pixels(self.order[: len(samples)])
        ours, index = nearest(samples, self.train.images)
        real, _ = nearest(held_out, self.train.images)
        closest = ours.argsort()[:CLOSEST]
        pairs = torch.stack([samples[closest], self.train.pixels(index[closest])], 1)
        save_grid(pairs.flatten(0, 1), picture, columns=8, scale=3)
        at = torch.tensor([0.0, 0.01, 0.1, 0.5])
        return {
            "quantiles": at.tolist(),
            "samples": ours.quantile(at).tolist(),
            "held_out": real.quantile(at).tolist(),
            "share_closer_than_1_percent_of_held_out": (
                (ours < real.quantile(0.01)).float().mean().item()
            ),
        }

    def variety(self, wardrobe: Wardrobe, eta: float = 0.0) -> dict:
        labels = wish_labels(wardrobe, self.size.wished)
        with self.timed(f"variety, eta {eta:g}"):
            recipe = Recipe(self.size.steps, 1.0, seed=2, eta=eta)
            samples = self.sampler(labels.flatten(0, 1), recipe)
            return variety(self.classifier, samples.unflatten(0, (len(WISHES), -1)), wardrobe)


__all__ = ["Evaluation", "Size", "judge", "load_or_train", "read_samples", "save_grid"]
