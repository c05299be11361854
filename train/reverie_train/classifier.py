"""A small CNN that judges samples: trained on the same data set, but on its own."""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from tqdm import trange

from .data import Dataset, Shuffle

BATCH = 128
PEAK_LEARNING_RATE = 3e-3


def build_classifier(classes: int, channels: int) -> nn.Module:
    def block(width_in: int, width_out: int) -> list[nn.Module]:
        return [
            nn.Conv2d(width_in, width_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(width_out),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]

    return nn.Sequential(
        *block(channels, 16),
        *block(16, 32),
        *block(32, 64),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(16 * 64, classes),
    )


def train_classifier(train: Dataset, test: Dataset, epochs: int = 3, seed: int = 1) -> dict:
    """Trains on `train`; returns `weights` and `accuracy`, the share of `test` it gets right."""
    torch.manual_seed(seed)
    classifier = build_classifier(len(train.class_names), train.images.shape[1])
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=PEAK_LEARNING_RATE)
    steps = epochs * len(train.images) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_LEARNING_RATE, steps)
    shuffle = Shuffle(len(train.images), seed)
    for step in trange(steps, desc="classifier", unit="step"):
        indices = torch.tensor([shuffle[step * BATCH + offset] for offset in range(BATCH)])
        # A few pixels of shift, so that a sample is not judged by where it lies.
        shift = torch.randint(-2, 3, (2,)).tolist()
        images = train.images[indices].roll(shift, dims=(2, 3))
        loss = F.cross_entropy(classifier(images), train.labels[indices], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    agrees = classify(classifier, test.images) == test.labels
    return {"weights": classifier.state_dict(), "accuracy": agrees.float().mean().item()}


@torch.no_grad()
def classify(classifier: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The class of every image, i64 [N]."""
    classifier.eval()
    return torch.cat([classifier(batch).argmax(dim=1) for batch in images.split(500)])


def load_or_train(path: Path, train: Dataset, test: Dataset) -> tuple[nn.Module, float]:
    """The classifier cached at `path` and its accuracy on the real test set."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(train_classifier(train, test), path)
    state = torch.load(path, weights_only=True)
    classifier = build_classifier(len(train.class_names), train.images.shape[1])
    classifier.load_state_dict(state["weights"])
    return classifier, state["accuracy"]
