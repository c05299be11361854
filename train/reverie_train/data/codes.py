"""Pictures as an autoencoder codes them, once for all: a latent model sees nothing else."""

import torch
from diffusers import AutoencoderKL

from .types import to_samples

BATCH = 512


class Codes:
    """The posterior of each image's code, scaled as the diffusion model sees it.

    Its mean and deviation are kept rather than one sample: each epoch draws another.
    """

    def __init__(self, vae: AutoencoderKL, images: torch.Tensor) -> None:
        """`images` u8 [N, 3, H, W], on the autoencoder's device."""
        parts = [moments(vae, part) for part in images.split(BATCH)]
        self.mean, self.deviation = torch.cat(parts).chunk(2, 1)

    def __len__(self) -> int:
        return len(self.mean)

    def draw(self, indices: torch.Tensor | slice, generator: torch.Generator) -> torch.Tensor:
        """A sample of each code, f32 [N, C, h, w]."""
        mean, deviation = self.mean[indices].float(), self.deviation[indices].float()
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        return mean + deviation * noise


@torch.no_grad()
def moments(vae: AutoencoderKL, images: torch.Tensor) -> torch.Tensor:
    """Means and deviations f16 [N, 2 C, h, w] of the scaled code."""
    pictures = to_samples(images).contiguous(memory_format=torch.channels_last)
    posterior = vae.encode(pictures).latent_dist
    return (vae.config.scaling_factor * torch.cat([posterior.mean, posterior.std], 1)).half()
