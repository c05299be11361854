"""A denoiser in pixel space, of classes or of attributes: v, epsilon or x0 regression."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler, DDPMPipeline
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F
from torchvision.utils import save_image

from ..condition import Denoiser, load_denoiser, save_attributes
from ..config import Config
from ..data import Dataset, Shuffle, load_dataset
from ..diffusion import Diffusion
from ..network import (
    build_denoiser,
    build_scheduler,
    gflop_per_pass,
    parameter_count,
    sample_size,
)
from ..progress import Progress
from ..sampling import guided, sample_ddim
from .facts import provenance

TABLES: frozenset[str] = frozenset()
SAMPLING_STEPS = 20
GUIDANCE_SCALE = 2.0


def build(config: Config, root: Path, device: torch.device) -> "Denoise":
    return Denoise(config, load_dataset(config.data, root, device=device), device)


class Denoise:
    model: Denoiser

    def __init__(self, config: Config, data: Dataset, device: torch.device | str = "cpu") -> None:
        self.config, self.data, self.name = config, data, config.name
        self.shuffle = Shuffle(len(data), config.training.seed, device)
        self.scheduler = build_scheduler(config)
        self.diffusion = Diffusion(self.scheduler, config.training.min_snr_gamma)
        model = build_denoiser(config, data.attributes)
        self.model = model.to(device, memory_format=torch.channels_last)
        self.focus: torch.Tensor | float = 1.0
        if config.training.focus:
            self.focus = config.training.focus.weights(*data.images.shape[2:]).to(device)

    def recipe(self) -> dict[str, Any]:
        return self.config.recipe()

    def loss(
        self, model: nn.Module, first: int, size: int, generator: torch.Generator
    ) -> torch.Tensor:
        indices = self.shuffle.batch(first, size)
        clean, labels = self.data.pixels(indices), self.data.labels[indices]
        noise = self.diffusion.noise(clean, generator)
        timestep = self.diffusion.timesteps(size, generator)
        labels = self.model.condition.drop(labels, self.config.training, generator)
        noisy = self.diffusion.add_noise(clean, noise, timestep)
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        output = model(noisy, timestep, labels)
        target = self.diffusion.target(clean, noise, timestep)
        error = F.mse_loss(output.float(), target, reduction="none") * self.focus
        return (error.mean(dim=(1, 2, 3)) * self.diffusion.weight(timestep)).mean()

    def figures(self, model: nn.Module, generator: torch.Generator) -> dict[str, float]:
        return {}

    def draw(self, model: nn.Module, run: Path) -> None:
        """A grid of guided samples, `samples.png`."""
        labels = sample_labels(self.data)
        shape = (len(labels), *self.data.images.shape[1:])
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(labels.device)
        scheduler = DDIMScheduler.from_config(self.scheduler.config)
        predict = guided(self.model, labels, GUIDANCE_SCALE)
        samples = sample_ddim(predict, scheduler, noise, SAMPLING_STEPS)
        save_image(samples / 2 + 0.5, run / "samples.png", nrow=8)

    def start_from(self, folder: Path) -> Progress:
        """Takes the weights of an exported model; returns what that was trained with."""
        self.model.load_state_dict(load_origin(folder, self.config, self.data).state_dict())
        facts = json.loads((folder / "reverie.json").read_text())
        return Progress(
            earlier_images=facts["images_seen"], earlier_seconds=60 * facts["training_minutes"]
        )

    def export(self, folder: Path, facts: dict[str, Any]) -> None:
        """A `DDPMPipeline`, its attributes, and a golden test."""
        config, denoiser = self.config, self.model
        facts |= provenance(config, self.data)
        facts["parameters"] = parameter_count(denoiser)
        facts["gflop"] = round(gflop_per_pass(denoiser), 4)
        if config.sampling:
            facts["sampling"] = config.sampling
        if denoiser.condition.summed:
            save_attributes(denoiser.condition, folder)
        else:
            classes = self.data.attributes[0]
            facts |= {"class_names": classes.values, "null_label": classes.null}
        save_file(golden(denoiser, config.training.seed), folder / "golden.safetensors")
        pipeline = DDPMPipeline(unet=denoiser.unet.half(), scheduler=build_scheduler(config))
        pipeline.save_pretrained(folder)

    def export_snapshots(self, files: list[Path], folder: Path, facts: dict[str, Any]) -> None:
        """Each as a U-Net that diffusers opens, `checkpoints/IMAGES/unet`.

        Beside them are the tables of attributes, if there are any.
        """
        facts["checkpoints"] = [int(file.stem) for file in files]
        model = deepcopy(self.model)
        for file in files:
            part = folder / "checkpoints" / file.stem
            model.load_state_dict(load_file(file))
            model.unet.half().save_pretrained(part / "unet")
            if model.condition.summed:
                save_attributes(model.condition, part)


def load_origin(folder: Path, config: Config, data: Dataset) -> Denoiser:
    """The model in `folder`, if it is of this recipe's network and has the data's attributes."""
    try:
        denoiser = load_denoiser(folder)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{folder} is no exported model ({error})") from error
    ours = build_denoiser(config, data.attributes)
    values = [(a.name, a.values) for a in denoiser.condition.attributes]
    if values != [(a.name, a.values) for a in data.attributes]:
        raise ValueError(f"{folder} was trained on other attributes than {config.name!r} has")
    if {k: v.shape for k, v in denoiser.state_dict().items()} != {
        k: v.shape for k, v in ours.state_dict().items()
    }:
        raise ValueError(f"{folder} has another network than {config.name!r}: train from nothing")
    return denoiser


def sample_labels(data: Dataset) -> torch.Tensor:
    """Labels for a grid: each class four times, or those of the first forty of the set."""
    if len(data.attributes) > 1:
        return data.labels[:40]
    classes = torch.arange(data.attributes[0].null, device=data.labels.device)
    return classes.repeat_interleave(4).unsqueeze(1)


@torch.no_grad()
def golden(denoiser: Denoiser, seed: int) -> dict[str, torch.Tensor]:
    """An input and PyTorch's f32 output, for the engine's test of itself on any device.

    The first of the two samples asks for something, the second for nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    config = denoiser.unet.config
    shape = (2, config.in_channels, *sample_size(config.sample_size))
    labels = torch.stack([denoiser.null // 3, denoiser.null])
    tensors = {
        "sample": torch.randn(shape, generator=generator),
        "timestep": torch.tensor([700, 20]),
        "class_labels": denoiser.condition(labels),
    }
    return tensors | {"output": denoiser.unet(**tensors).sample.contiguous()}
