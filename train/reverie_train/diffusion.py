"""What training by denoising shares: timesteps to draw, the target, the weight of its error."""

import torch
from diffusers import DDPMScheduler


class Diffusion:
    def __init__(self, scheduler: DDPMScheduler, min_snr_gamma: float | None = None) -> None:
        self.scheduler, self.min_snr_gamma = scheduler, min_snr_gamma

    def noise(self, clean: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return torch.randn(clean.shape, generator=generator, device=clean.device)

    def timesteps(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Uniform timesteps, spread evenly over the batch: less variance in its gradient.

        Kingma et al. 2021, Variational Diffusion Models, appendix I.1.
        """
        offset = torch.rand(1, generator=generator, device=generator.device)
        unit = (offset + torch.arange(count, device=generator.device) / count) % 1
        return (unit * self.scheduler.config.num_train_timesteps).long()

    def add_noise(
        self, clean: torch.Tensor, noise: torch.Tensor, timestep: torch.Tensor
    ) -> torch.Tensor:
        return self.scheduler.add_noise(clean, noise, timestep)

    def target(
        self, clean: torch.Tensor, noise: torch.Tensor, timestep: torch.Tensor
    ) -> torch.Tensor:
        """What the network is to predict."""
        match self.scheduler.config.prediction_type:
            case "v_prediction":
                return self.scheduler.get_velocity(clean, noise, timestep)
            case "epsilon":
                return noise
            case "sample":
                return clean
            case other:
                raise ValueError(f"unknown prediction_type {other!r}")

    def weight(self, timestep: torch.Tensor) -> torch.Tensor:
        """Of the squared error: one, or Min-SNR-gamma (Hang et al. 2023, section 3.4)."""
        gamma = self.min_snr_gamma
        if gamma is None:
            return torch.ones_like(timestep, dtype=torch.float32)
        alpha_cumprod = self.scheduler.alphas_cumprod.to(timestep.device)[timestep]
        snr = alpha_cumprod / (1 - alpha_cumprod)
        weight = snr.clamp(max=gamma)  # of the error in x0; divided by that of the target below
        match self.scheduler.config.prediction_type:
            case "v_prediction":
                return weight / (snr + 1)
            case "epsilon":
                return weight / snr
            case _:
                return weight


def timestep_of(scheduler: DDPMScheduler, sigma: float) -> int:
    """The timestep whose noise over signal, sqrt(1/ᾱ - 1), is nearest to `sigma` in its log."""
    sigmas = (1 / scheduler.alphas_cumprod - 1).sqrt()
    return int((sigmas.log() - torch.tensor(sigma).log()).abs().argmin())
