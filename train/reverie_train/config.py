"""The declarative description of a model: one TOML file in `configs/`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class DataConfig:
    dataset: str
    pad: int = 0


@dataclass(frozen=True)
class TrainingConfig:
    seed: int
    images: int
    batch_size: int
    learning_rate: float
    final_learning_rate: float
    warmup_images: int = 0
    weight_decay: float = 0.0
    label_dropout: float = 0.15
    # Min-SNR-gamma weighting of the loss (Hang et al. 2023, section 3.4); None: plain MSE.
    min_snr_gamma: float | None = None
    ema_decay: float = 0.9995
    max_grad_norm: float = 1.0
    mixed_precision: str = "no"

    def __post_init__(self) -> None:
        if not 0 <= self.label_dropout < 1:
            raise ValueError(f"label_dropout must be in [0, 1), not {self.label_dropout}")
        if self.images < self.batch_size:
            raise ValueError(f"a budget of {self.images} images is less than one batch")


@dataclass(frozen=True)
class Config:
    name: str
    description: str
    data: DataConfig
    unet: dict[str, Any]
    scheduler: dict[str, Any]
    training: TrainingConfig

    @property
    def null_label(self) -> int:
        """The class label that stands for "no class": the last row of the class embedding."""
        return self.unet["num_class_embeds"] - 1


def load_config(path: Path) -> Config:
    """Reads a model's TOML file; an unknown or missing key is an error that names it."""
    table = tomllib.loads(Path(path).read_text())
    try:
        return Config(
            **table
            | {"data": DataConfig(**table["data"]), "training": TrainingConfig(**table["training"])}
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error
