"""A CNN that judges samples: trained on the same data set, but on its own.

It has one head for each attribute. What it sees before the heads, `FEATURES` numbers an image, are
the features in which the other measures are taken.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from tqdm import trange

from ..data import Attribute, Dataset, Shuffle, to_samples

BATCH = 128
PEAK_LEARNING_RATE = 3e-3
FEATURES = 64
WIDTHS = (32, 64, 96)


class Classifier(nn.Module):
    def __init__(self, attributes: list[Attribute], channels: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for width_in, width_out in zip((channels, *WIDTHS), WIDTHS, strict=False):
            blocks += [
                nn.Conv2d(width_in, width_out, 3, padding=1, bias=False),
                nn.BatchNorm2d(width_out),
                nn.ReLU(),
                nn.Conv2d(width_out, width_out, 3, padding=1, bias=False, groups=width_out // 8),
                nn.BatchNorm2d(width_out),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
        self.body = nn.Sequential(
            *blocks,
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(16 * WIDTHS[-1], FEATURES * len(attributes)),
            nn.ReLU(),
        )
        self.heads = nn.ModuleList(
            nn.Linear(FEATURES * len(attributes), attribute.null) for attribute in attributes
        )

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        features = self.body(images)
        return [head(features) for head in self.heads]


@dataclass(frozen=True)
class Judgement:
    """What the classifier says of images, and by which features."""

    labels: torch.Tensor  # i64 [N, A]
    features: torch.Tensor  # f32 [N, F]


@torch.no_grad()
def judge(classifier: Classifier, images: torch.Tensor) -> Judgement:
    """Of samples, f32 in [-1, 1], or of a data set's images, u8. What it says is on the CPU."""
    classifier.eval()
    device = next(classifier.parameters()).device
    labels, features = [], []
    for part in images.split(500):
        batch = part.to(device)
        seen = classifier.body(to_samples(batch) if batch.dtype == torch.uint8 else batch)
        labels.append(torch.stack([head(seen).argmax(1) for head in classifier.heads], 1))
        features.append(seen)
    return Judgement(torch.cat(labels).cpu(), torch.cat(features).cpu())


def train_classifier(train: Dataset, shift: int, epochs: int, seed: int) -> Classifier:
    """Trains on `train`, its images moved by up to `shift` pixels, on what they show.

    It does so where the images are.
    """
    torch.manual_seed(seed)
    device = train.images.device
    classifier = Classifier(train.attributes, train.images.shape[1])
    classifier.to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=PEAK_LEARNING_RATE)
    steps = epochs * len(train) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_LEARNING_RATE, steps)
    shuffle = Shuffle(len(train), seed, device)
    for step in trange(steps, desc="classifier", unit="step", mininterval=5):
        indices = shuffle.batch(step * BATCH, BATCH)
        moved = torch.randint(-shift, shift + 1, (2,)).tolist()
        images = train.pixels(indices).roll(moved, dims=(2, 3))
        labels = train.labels[indices].masked_fill(~train.visible[indices], -100)
        with torch.autocast(device.type, torch.bfloat16):
            outputs = classifier(images.contiguous(memory_format=torch.channels_last))
        loss = sum(
            F.cross_entropy(output.float(), wanted, label_smoothing=0.05, ignore_index=-100)
            for output, wanted in zip(outputs, labels.T, strict=True)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return classifier


def load_or_train(path: Path, train: Dataset, shift: int, epochs: int = 3) -> Classifier:
    """The classifier cached at `path`, made there when it is missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        classifier = train_classifier(train, shift, epochs, seed=1)
        partial = path.with_suffix(".partial")
        torch.save(classifier.state_dict(), partial)
        partial.replace(path)
    classifier = Classifier(train.attributes, train.images.shape[1]).to(train.images.device)
    try:
        classifier.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (RuntimeError, KeyError) as error:
        raise ValueError(f"{path} is not this data set's classifier: remove it") from error
    return classifier.eval()
