"""How far a training has come."""

from dataclasses import dataclass, field


@dataclass
class Progress:
    step: int = 0
    images: int = 0
    seconds: float = 0.0
    losses: list[tuple[int, float]] = field(default_factory=list)  # (images, mean loss since last)
    # Of the model that training went on from.
    earlier_images: int = 0
    earlier_seconds: float = 0.0
