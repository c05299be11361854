"""How far a training has come."""

import math
from dataclasses import dataclass, field


@dataclass
class Progress:
    step: int = 0
    images: int = 0
    seconds: float = 0.0
    losses: list[tuple[int, float]] = field(default_factory=list)  # (images, mean loss since last)
    # The least figure named by `keep_best`, and the images seen when it was measured.
    least: float = math.inf
    least_at: int = 0
    # Of the model that training went on from.
    earlier_images: int = 0
    earlier_seconds: float = 0.0
