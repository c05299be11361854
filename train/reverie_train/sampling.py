"""DDIM sampling with classifier-free guidance, as training, evaluation and fixtures share it."""

from collections.abc import Callable

import torch
from diffusers import DDIMScheduler

from .condition import Denoiser

Predict = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def guided(denoiser: Denoiser, labels: torch.Tensor, guidance_scale: float) -> Predict:
    """The prediction u + s (c - u) (Ho & Salimans 2022), both branches in one batch."""
    if guidance_scale == 1:
        return lambda sample, timestep: denoiser(sample, timestep, labels).float()
    both = torch.cat([denoiser.null.expand_as(labels), labels])

    def predict(sample: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        uncond, cond = denoiser(torch.cat([sample, sample]), timestep, both).float().chunk(2)
        return uncond + guidance_scale * (cond - uncond)

    return predict


@torch.no_grad()
def sample_ddim(
    predict: Predict, scheduler: DDIMScheduler, noise: torch.Tensor, steps: int
) -> torch.Tensor:
    """Runs deterministic DDIM (eta 0) from `noise` [N, C, H, W]; returns x0 in [-1, 1]."""
    scheduler.set_timesteps(steps, device=noise.device)
    sample = noise
    for timestep in scheduler.timesteps:
        sample = scheduler.step(predict(sample, timestep), timestep, sample).prev_sample
    return sample.clamp(-1, 1)
