"""DDIM sampling with classifier-free guidance, as training, evaluation and fixtures share it."""

from collections.abc import Callable

import torch
from diffusers import DDIMScheduler, UNet2DModel

Denoiser = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def guided(
    unet: UNet2DModel, labels: torch.Tensor, null_label: int, guidance_scale: float
) -> Denoiser:
    """The prediction u + s (c - u) (Ho & Salimans 2022), both branches in one batch."""
    both = torch.cat([torch.full_like(labels, null_label), labels])

    def predict(sample: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        uncond, cond = unet(torch.cat([sample, sample]), timestep, both).sample.float().chunk(2)
        return uncond + guidance_scale * (cond - uncond)

    return predict


@torch.no_grad()
def sample_ddim(
    predict: Denoiser, scheduler: DDIMScheduler, noise: torch.Tensor, steps: int
) -> torch.Tensor:
    """Runs deterministic DDIM (eta 0) from `noise` [N, C, H, W]; returns x0 in [-1, 1]."""
    scheduler.set_timesteps(steps, device=noise.device)
    sample = noise
    for timestep in scheduler.timesteps:
        sample = scheduler.step(predict(sample, timestep), timestep, sample).prev_sample
    return sample.clamp(-1, 1)
