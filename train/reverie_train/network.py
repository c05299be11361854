"""The U-Net and its scheduler, built from a config, and what one pass of it costs."""

from collections.abc import Callable
from typing import Any

import torch
from diffusers import DDPMScheduler, UNet2DModel
from torch.utils.flop_counter import FlopCounterMode

from .condition import Denoiser
from .config import Config
from .data import Attribute


def build_denoiser(config: Config, attributes: list[Attribute]) -> Denoiser:
    return Denoiser(UNet2DModel(**config.unet), attributes)


def build_scheduler(config: Config) -> DDPMScheduler:
    return DDPMScheduler(**config.scheduler)


def sample_size(size: int | list[int]) -> tuple[int, int]:
    """Height and width of a U-Net's `sample_size`, which says one number of a square."""
    height, width = (size, size) if isinstance(size, int) else size
    return height, width


def parameter_count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@torch.no_grad()
def gflop(network: Callable[..., Any], *inputs: Any, **named: Any) -> float:
    """Convolutions and matrix products of one call, multiply and add counted as two."""
    with FlopCounterMode(display=False) as counter:
        network(*inputs, **named)
    return counter.get_total_flops() / 1e9


def gflop_per_pass(denoiser: Denoiser) -> float:
    """Of one sample's pass."""
    config = denoiser.unet.config
    sample = torch.zeros(1, config.in_channels, *sample_size(config.sample_size))
    return gflop(denoiser, sample.to(denoiser.null.device), 0, denoiser.null[None])
