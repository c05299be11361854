"""A denoiser that sees a smaller picture of what it draws: the second model of a cascade.

Ho et al. 2021, Cascaded Diffusion Models (2106.15282): the low picture is enlarged and joined to
x_t as further channels, and in training it is noised to a random level s that the network is told
(section 4, non-truncated), so that it mends the first model's mistakes instead of copying them.
The noise comes before the enlargement. s is the `class_labels` of a plain `UNet2DModel` whose
`class_embed_type` is `timestep`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler, DDPMPipeline, UNet2DModel
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from torchvision.utils import save_image

from ..config import Config
from ..data import Dataset, Shuffle, box, load_dataset
from ..diffusion import Diffusion
from ..network import build_scheduler, parameter_count, sample_size
from ..sampling import sample_ddim
from .facts import provenance

TABLES = frozenset({"low_res"})
SHOWN, SHOWN_NOISE, SAMPLING_STEPS = 12, 100, 20


@dataclass(frozen=True)
class LowRes:
    """The table `low_res` of a configuration."""

    factor: int
    last_noise_level: int  # s is drawn from 0 up to and including this timestep

    @classmethod
    def of(cls, config: Config) -> "LowRes":
        try:
            return cls(**config.tables["low_res"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"{config.name}: its table low_res: {error}") from error


def build(config: Config, root: Path, device: torch.device) -> "SuperResolution":
    return SuperResolution(config, load_dataset(config.data, root, device=device), device)


class SuperResolution:
    model: UNet2DModel

    def __init__(self, config: Config, data: Dataset, device: torch.device | str = "cpu") -> None:
        self.config, self.data, self.name = config, data, config.name
        self.low_res, self.device = LowRes.of(config), device
        self.shuffle = Shuffle(len(data), config.training.seed, device)
        self.scheduler = build_scheduler(config)
        self.diffusion = Diffusion(self.scheduler, config.training.min_snr_gamma)
        model = UNet2DModel(**config.unet)
        if model.config.class_embed_type != "timestep":
            raise ValueError(
                f'{config.name}: unet.class_embed_type must be "timestep", to be told s'
            )
        self.model = model.to(device, memory_format=torch.channels_last)
        self.focus: torch.Tensor | float = 1.0
        if config.training.focus:
            self.focus = config.training.focus.weights(*data.images.shape[2:]).to(device)

    def recipe(self) -> dict[str, Any]:
        return self.config.recipe()

    def loss(
        self, model: nn.Module, first: int, size: int, generator: torch.Generator
    ) -> torch.Tensor:
        clean = self.data.pixels(self.shuffle.batch(first, size))
        levels = self.low_res.last_noise_level + 1
        level = torch.randint(levels, (size,), generator=generator, device=clean.device)
        low = self.low(clean, level, generator)
        noise = self.diffusion.noise(clean, generator)
        timestep = self.diffusion.timesteps(size, generator)
        noisy = torch.cat([self.diffusion.add_noise(clean, noise, timestep), low], dim=1)
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        output = model(noisy, timestep, class_labels=level).sample
        target = self.diffusion.target(clean, noise, timestep)
        error = F.mse_loss(output.float(), target, reduction="none") * self.focus
        return (error.mean(dim=(1, 2, 3)) * self.diffusion.weight(timestep)).mean()

    def low(
        self, clean: torch.Tensor, level: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """The low picture of each, noised to its level, and enlarged again."""
        low = box(clean, self.low_res.factor)
        low = self.diffusion.add_noise(low, self.diffusion.noise(low, generator), level)
        return enlarge(low, self.low_res.factor)

    def figures(self, model: nn.Module, generator: torch.Generator) -> dict[str, float]:
        return {}

    def draw(self, model: nn.Module, run: Path) -> None:
        """Rows of low pictures, of what is made of them, and of where they come from."""
        clean = self.data.pixels(slice(SHOWN))
        generator = torch.Generator(clean.device).manual_seed(0)
        level = torch.full((len(clean),), SHOWN_NOISE, device=clean.device)
        low = self.low(clean, level, generator)

        def predict(sample: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
            joined = torch.cat([sample, low], dim=1)
            return self.model(joined, timestep, class_labels=level).sample.float()

        scheduler = DDIMScheduler.from_config(self.scheduler.config)
        noise = self.diffusion.noise(clean, generator)
        samples = sample_ddim(predict, scheduler, noise, SAMPLING_STEPS)
        rows = torch.cat([low.clamp(-1, 1), samples, clean])
        save_image(rows / 2 + 0.5, run / "samples.png", nrow=len(clean))

    def export(self, folder: Path, facts: dict[str, Any]) -> None:
        """A `DDPMPipeline`, the schedule of the low picture's noise, and a golden test."""
        tensors = self.golden()
        facts |= provenance(self.config, self.data)
        facts["parameters"] = parameter_count(self.model)
        facts["gflop"] = round(self.gflop(), 4)
        facts["low_res"] = {
            "factor": self.low_res.factor,
            "method": "nearest",
            "noise_at": "low",
            "last_noise_level": self.low_res.last_noise_level,
        }
        if self.config.sampling:
            facts["sampling"] = self.config.sampling
        save_file(tensors, folder / "golden.safetensors")
        pipeline = DDPMPipeline(unet=self.model.half(), scheduler=self.scheduler)
        pipeline.save_pretrained(folder)
        self.scheduler.save_pretrained(folder / "image_noising_scheduler")

    @torch.no_grad()
    def golden(self) -> dict[str, torch.Tensor]:
        """Two inputs, and PyTorch's f32 output."""
        generator = torch.Generator().manual_seed(self.config.training.seed)
        tensors = self.inputs(2, generator)
        return tensors | {"output": self.model(**tensors).sample.contiguous()}

    def inputs(self, count: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
        config = self.model.config
        shape = (count, config.in_channels, *sample_size(config.sample_size))
        return {
            "sample": torch.randn(shape, generator=generator),
            "timestep": torch.linspace(700, 20, count).long(),
            "class_labels": torch.linspace(0, self.low_res.last_noise_level, count).long(),
        }

    def gflop(self) -> float:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            self.model(**self.inputs(1, torch.Generator()))
        return counter.get_total_flops() / 1e9


def enlarge(low: torch.Tensor, factor: int) -> torch.Tensor:
    """Every pixel a square of `factor` pixels."""
    return F.interpolate(low, scale_factor=factor, mode="nearest")
