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
    predict: Predict,
    scheduler: DDIMScheduler,
    noise: torch.Tensor,
    steps: int,
    eta: float = 0.0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Runs DDIM from `noise` [N, C, H, W]; returns x0 in [-1, 1].

    It is deterministic at eta 0 and ancestral at 1, with fresh noise from `generator`.
    """
    scheduler.set_timesteps(steps, device=noise.device)
    sample = noise
    for timestep in scheduler.timesteps:
        output = predict(sample, timestep)
        step = scheduler.step(output, timestep, sample, eta=eta, generator=generator)
        sample = step.prev_sample
    return sample.clamp(-1, 1)
