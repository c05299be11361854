"""The U-Net and its scheduler, built from a config, and what one pass of it costs."""

import torch
from diffusers import DDPMScheduler, UNet2DModel
from torch.utils.flop_counter import FlopCounterMode

from .config import Config


def build_unet(config: Config) -> UNet2DModel:
    return UNet2DModel(**config.unet)


def build_scheduler(config: Config) -> DDPMScheduler:
    return DDPMScheduler(**config.scheduler)


def parameter_count(unet: UNet2DModel) -> int:
    return sum(parameter.numel() for parameter in unet.parameters())


@torch.no_grad()
def gflop_per_pass(unet: UNet2DModel) -> float:
    """Convolutions and matrix products of one sample's pass, multiply and add counted as two."""
    size = unet.config.sample_size
    device = next(unet.parameters()).device
    sample = torch.zeros(1, unet.config.in_channels, size, size, device=device)
    label = torch.zeros(1, dtype=torch.long, device=device)
    with FlopCounterMode(display=False) as counter:
        unet(sample, 0, class_labels=label)
    return counter.get_total_flops() / 1e9
