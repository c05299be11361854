"""A model's own samples, made once and kept as one file beside the data."""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import DDIMScheduler
from safetensors.torch import load_file, save_file

from .condition import load_denoiser
from .config import Config
from .data import to_samples
from .sampling import guided, sample_ddim

BATCH = 1000


@dataclass(frozen=True)
class Fakes:
    images: torch.Tensor  # u8 [N, C, H, W]
    labels: torch.Tensor  # i64 [N]

    def part(self, part: slice) -> "Fakes":
        return Fakes(self.images[part], self.labels[part])

    def pixels(self) -> torch.Tensor:
        return to_samples(self.images)


@dataclass(frozen=True)
class Recipe:
    """The table `fakes` of a configuration."""

    model: str  # an exported folder, from where the command is run
    images: int
    steps: int  # of DDIM
    guidance_scale: float
    seed: int = 0


def load_fakes(config: Config, root: Path, device: torch.device) -> Fakes:
    """Those of `config`, which are drawn when `root` has none yet."""
    try:
        recipe = Recipe(**config.tables["fakes"])
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{config.name}: its table fakes lacks or has too much: {error}"
        ) from error
    name = f"{Path(recipe.model).name}-{recipe.images}-{recipe.steps}-{recipe.guidance_scale:g}"
    path = root / "fakes" / f"{name}.safetensors"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        fakes = draw(recipe, device)
        partial = path.with_suffix(".partial")
        save_file({"images": fakes.images.cpu(), "labels": fakes.labels.cpu()}, partial)
        partial.replace(path)
    tensors = load_file(path)
    return Fakes(tensors["images"].to(device), tensors["labels"].to(device))


@torch.no_grad()
def draw(recipe: Recipe, device: torch.device) -> Fakes:
    """Samples of every class in turn, in bf16 on a GPU."""
    denoiser = load_denoiser(Path(recipe.model)).to(device)
    scheduler = DDIMScheduler.from_pretrained(recipe.model, subfolder="scheduler")
    generator = torch.Generator(device).manual_seed(recipe.seed)
    config = denoiser.unet.config
    labels = torch.arange(recipe.images, device=device) % denoiser.condition.attributes[0].null
    images = []
    for part in labels.split(BATCH):
        shape = (len(part), config.in_channels, config.sample_size, config.sample_size)
        noise = torch.randn(shape, generator=generator, device=device)
        predict = guided(denoiser, part[:, None], recipe.guidance_scale)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            samples = sample_ddim(predict, scheduler, noise, recipe.steps)
        images.append(samples.add(1).mul(127.5).round().to(torch.uint8))
    return Fakes(torch.cat(images), labels)
