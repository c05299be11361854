"""The declarative description of a model: one TOML file in `configs/`."""

import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class DataConfig:
    dataset: str
    pad: int = 0
    # Pictures are averaged over squares of so many pixels.
    shrink: int = 1
    # How many pictures there are: of a set that is composed, or the first of one that is not (0:
    # all of them).
    train_images: int = 0
    test_images: int = 0


@dataclass(frozen=True)
class Focus:
    """A rectangle of pixels whose errors count `weight` times.

    For an attribute that a dozen pixels decide, whose share of the loss is too small to be learned
    soon. What minimises the loss is the same: each pixel's own expectation.
    """

    rows: tuple[int, int]  # from, and up to but not including
    columns: tuple[int, int]
    weight: float

    def weights(self, height: int, width: int) -> torch.Tensor:
        """Weights [H, W] of mean 1."""
        (top, bottom), (left, right) = self.rows, self.columns
        if not (0 <= top < bottom <= height and 0 <= left < right <= width and self.weight > 0):
            raise ValueError(f"{self} is no rectangle of {height}x{width} pixels and a weight")
        weights = torch.ones(height, width)
        weights[top:bottom, left:right] = self.weight
        return weights / weights.mean()


@dataclass(frozen=True)
class TrainingConfig:
    seed: int
    images: int
    batch_size: int
    learning_rate: float
    final_learning_rate: float
    warmup_images: int = 0
    weight_decay: float = 0.0
    # Shares of the samples whose labels are all dropped, and of those that keep a random subset.
    label_dropout: float = 0.15
    subset_share: float = 0.0
    # Min-SNR-gamma weighting of the loss (Hang et al. 2023, section 3.4); None: plain MSE.
    min_snr_gamma: float | None = None
    focus: Focus | None = None
    ema_decay: float = 0.9995
    max_grad_norm: float = 1.0
    mixed_precision: str = "no"
    # At how many images the averaged weights are kept in a file of their own.
    snapshots: list[int] = field(default_factory=list)
    # How many images lie between two looks at the task's held-out figures; one is at the end.
    figures_every: int = 100_000
    # The figure, lower is better, by which the weights to export are chosen; None: the last.
    keep_best: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.label_dropout <= 1 - self.subset_share <= 1:
            raise ValueError(
                f"label_dropout {self.label_dropout} and subset_share {self.subset_share} are "
                "shares of the samples: neither below 0, and not above 1 together"
            )
        if self.images < self.batch_size:
            raise ValueError(f"a budget of {self.images} images is less than one batch")


@dataclass(frozen=True)
class Config:
    name: str
    description: str
    data: DataConfig
    training: TrainingConfig
    task: str = "denoise"  # a file in `tasks/`
    unet: dict[str, Any] = field(default_factory=dict)
    scheduler: dict[str, Any] = field(default_factory=dict)
    # What runs start with, where that is not what others start with: for `reverie.json`.
    sampling: dict[str, Any] = field(default_factory=dict)
    # All other tables: the task says which it knows.
    tables: dict[str, Any] = field(default_factory=dict)

    def recipe(self) -> dict[str, Any]:
        """What a checkpoint depends on: another budget may continue it, another network not."""
        return {
            "name": self.name,
            "task": self.task,
            "data": asdict(self.data),
            "unet": self.unet,
            "scheduler": self.scheduler,
            **self.tables,
        }


def load_config(path: Path) -> Config:
    """Reads a model's TOML file; an unknown or missing key is an error that names it."""
    table = tomllib.loads(Path(path).read_text())
    known = {f.name for f in fields(Config)} - {"tables"}
    own = {key: value for key, value in table.items() if key in known}
    try:
        parsed = {
            "data": DataConfig(**table["data"]),
            "training": _training(table["training"]),
            "tables": {key: value for key, value in table.items() if key not in known},
        }
        return Config(**own | parsed)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def _training(table: dict[str, Any]) -> TrainingConfig:
    focus = Focus(**table["focus"]) if "focus" in table else None
    return TrainingConfig(**table | {"focus": focus})
