"""The variational bound on held-out images, in bits a dimension."""

import math

import torch
from diffusers import DDPMScheduler

from ..condition import Denoiser

BIN = 1 / 255  # half the width of a grey level in [-1, 1]


class Bound:
    """L = L_T + sum of L_t + L_0 (Ho et al. 2020, equation 5) of one model, in nats a dimension."""

    def __init__(self, denoiser: Denoiser, scheduler: DDPMScheduler) -> None:
        self.denoiser, self.scheduler = denoiser, scheduler
        self.alpha_cumprod = scheduler.alphas_cumprod.double()
        beta = scheduler.betas.double()
        before = torch.cat([torch.ones(1, dtype=torch.double), self.alpha_cumprod[:-1]])
        self.posterior = beta * (1 - before) / (1 - self.alpha_cumprod)
        self.weight = before.sqrt() * beta / (1 - self.alpha_cumprod)  # of x0 in the mean
        self.noise_weight = (1 - beta).sqrt() * (1 - before) / (1 - self.alpha_cumprod)

    def prior(self, clean: torch.Tensor) -> torch.Tensor:
        """KL(q(x_T | x_0) || N(0, I)) [N]."""
        last = self.alpha_cumprod[-1]
        variance = 1 - last
        mean = last.sqrt() * clean.double()
        return 0.5 * (variance - 1 - variance.log() + mean.square().mean((1, 2, 3)))

    def denoised(
        self, noisy: torch.Tensor, timestep: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """The network's x0, clipped to the range of an image."""
        output = self.denoiser(noisy.float(), timestep, labels).double()
        alpha = self.alpha_cumprod[timestep].view(-1, 1, 1, 1)
        match self.scheduler.config.prediction_type:
            case "v_prediction":
                clean = alpha.sqrt() * noisy - (1 - alpha).sqrt() * output
            case "epsilon":
                clean = (noisy - (1 - alpha).sqrt() * output) / alpha.sqrt()
            case _:
                clean = output
        return clean.clamp(-1, 1)

    def term(
        self,
        clean: torch.Tensor,
        timestep: torch.Tensor,
        labels: torch.Tensor,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """L_t for t > 0, with the variance of `fixed_small`; the decoder's L_0 for t = 0. [N]"""
        noise = torch.randn(clean.shape, generator=generator)
        noisy = self.scheduler.add_noise(clean, noise, timestep).double()
        guess = self.denoised(noisy, timestep, labels)
        weight = self.weight[timestep].view(-1, 1, 1, 1)
        # At t = 0 the posterior has no variance; the next one's is taken (Nichol 2021).
        variance = self.posterior[timestep.clamp(min=1)].view(-1, 1, 1, 1)
        squared = (weight * (clean - guess)).square() / (2 * variance)
        mean = weight * guess + self.noise_weight[timestep].view(-1, 1, 1, 1) * noisy
        decoder = -discretised_log_likelihood(clean.double(), mean, variance.sqrt())
        first = (timestep == 0).view(-1, 1, 1, 1)
        return torch.where(first, decoder, squared).mean((1, 2, 3))


def discretised_log_likelihood(
    clean: torch.Tensor, mean: torch.Tensor, deviation: torch.Tensor
) -> torch.Tensor:
    """log of the Gaussian's mass in the bin of each grey level; the end bins are open."""
    normal = torch.special.ndtr
    upper = torch.where(clean > 0.999, 1.0, normal((clean + BIN - mean) / deviation))
    lower = torch.where(clean < -0.999, 0.0, normal((clean - BIN - mean) / deviation))
    return (upper - lower).clamp(min=1e-12).log()


@torch.no_grad()
def bits_per_dimension(
    denoiser: Denoiser,
    scheduler: DDPMScheduler,
    clean: torch.Tensor,
    labels: torch.Tensor,
    strata: int = 50,
    batch: int = 50,
) -> dict:
    """The bound over `clean`, from one timestep in each of `strata`, drawn twice for its error."""
    bound = Bound(denoiser, scheduler)
    generator = torch.Generator().manual_seed(0)
    runs = torch.stack(
        [_estimate(bound, clean, labels, strata, batch, generator) for _ in range(2)]
    )
    means = runs.mean(0)
    return {
        "bits_per_dimension": means.mean().item(),
        # The deviation of the mean over images, and what redrawing timesteps and noise changes.
        "standard_error": (means.std() / math.sqrt(len(clean))).item(),
        "monte_carlo_error": ((runs[0] - runs[1]).std() / 2 / math.sqrt(len(clean))).item(),
        "images": len(clean),
        "timesteps_per_image": 2 * (strata + 1),
    }


def _estimate(
    bound: Bound,
    clean: torch.Tensor,
    labels: torch.Tensor,
    strata: int,
    batch: int,
    generator: torch.Generator,
) -> torch.Tensor:
    """One estimate for each image, in bits: L_0, and a timestep of each stratum of the others."""
    steps = bound.scheduler.config.num_train_timesteps
    # Finer where t is small: there the terms are large and change fast.
    edges = (1 + (steps - 1) * torch.linspace(0, 1, strata + 1).square()).round().long()
    for i in range(1, len(edges)):
        edges[i] = max(edges[i], edges[i - 1] + 1)
    nats = []
    for images, wanted in zip(clean.split(batch), labels.split(batch), strict=True):
        count = len(images)
        first = torch.zeros(count, dtype=torch.long)
        total = bound.prior(images) + bound.term(images, first, wanted, generator)
        for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            timestep = torch.randint(low, high, (count,), generator=generator)
            total += (high - low) * bound.term(images, timestep, wanted, generator)
        nats.append(total)
    return torch.cat(nats) / math.log(2)
