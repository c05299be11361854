"""How often a separately trained classifier sees the class that was asked for."""

from pathlib import Path

import torch
from diffusers import DDIMScheduler, UNet2DModel
from safetensors.torch import load_file
from torch import nn
from torchvision.utils import save_image
from tqdm import tqdm

from .classifier import classify
from .sampling import guided, sample_ddim

BATCH = 20  # twice that with guidance: what fits a processor's caches is fastest there


def generate(
    folder: Path, null_label: int, per_class: int, steps: int, guidance_scale: float, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """`per_class` samples of every class from an exported folder, by diffusers: images, labels."""
    unet = UNet2DModel.from_pretrained(folder, subfolder="unet", torch_dtype=torch.float32).eval()
    scheduler = DDIMScheduler.from_pretrained(folder, subfolder="scheduler")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    unet.to(device, memory_format=torch.channels_last)
    size, channels = unet.config.sample_size, unet.config.in_channels
    labels = torch.arange(null_label).repeat_interleave(per_class)
    generator = torch.Generator().manual_seed(seed)
    samples = []
    with tqdm(total=len(labels), desc="samples", unit="image") as bar:
        for batch in labels.split(BATCH):
            noise = torch.randn(len(batch), channels, size, size, generator=generator).to(device)
            predict = guided(unet, batch.to(device), null_label, guidance_scale)
            samples.append(sample_ddim(predict, scheduler, noise, steps).cpu())
            bar.update(len(batch))
    return torch.cat(samples), labels


def read_samples(paths: list[Path], classes: list[int] | None) -> tuple[torch.Tensor, torch.Tensor]:
    """`sample` of every file, with its `class_labels`, or with the one class given for the file."""
    samples, labels = [], []
    for path, label in zip(paths, classes or [None] * len(paths), strict=True):
        tensors = load_file(path)
        samples.append(tensors["sample"].float().clamp(-1, 1))
        if label is not None:
            labels.append(torch.full((len(samples[-1]),), label))
        elif "class_labels" in tensors:
            labels.append(tensors["class_labels"])
        else:
            raise ValueError(
                f"{path} has no class_labels: say them with --class, one for each file"
            )
    return torch.cat(samples), torch.cat(labels)


def judge(classifier: nn.Module, samples: torch.Tensor, labels: torch.Tensor) -> dict:
    """The share of samples that the classifier gives the label asked for, overall and by class."""
    agrees = classify(classifier, samples) == labels
    return {
        "samples": len(labels),
        "agreement": agrees.float().mean().item(),
        "agreement_by_class": {
            str(int(label)): agrees[labels == label].float().mean().item()
            for label in labels.unique()
        },
    }


def save_grid(samples: torch.Tensor, labels: torch.Tensor, path: Path, per_class: int = 10) -> None:
    """A picture of the first `per_class` samples of every class, a row for each."""
    rows = [samples[labels == label][:per_class] for label in labels.unique()]
    save_image(torch.cat(rows) / 2 + 0.5, path, nrow=per_class)
