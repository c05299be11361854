"""Checkpoint to diffusers pipeline folder: averaged weights in f16, facts, and a golden test."""

import json
import shutil
from pathlib import Path

import torch
from diffusers import DDPMPipeline
from safetensors.torch import save_file

from .checkpoint import load_checkpoint
from .condition import Denoiser, save_attributes
from .config import Config
from .data import Dataset
from .network import build_denoiser, build_scheduler, gflop_per_pass, parameter_count
from .progress import Progress


def export(config: Config, data: Dataset, checkpoint: Path, folder: Path) -> dict:
    """Writes the model of `checkpoint` to `folder`; returns what `reverie.json` says of it.

    It is written whole beside `folder` first: an export that is cut off leaves the last one intact.
    What else lies in the folder, its card and figures, goes: they speak of other weights.
    """
    state = load_checkpoint(checkpoint, config)
    denoiser = build_denoiser(config, data.attributes)
    averages = state["ema"]["shadow_params"]
    for parameter, average in zip(denoiser.parameters(), averages, strict=True):
        parameter.data.copy_(average.half())  # the values that will be read back
    denoiser = denoiser.eval().requires_grad_(False)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        facts = _write(config, data, denoiser, Progress(**state["progress"]), partial)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise OSError(f"{folder} could not be written ({error}); the last one is intact") from error
    _replace(folder, partial)
    return facts


def _write(
    config: Config, data: Dataset, denoiser: Denoiser, progress: Progress, folder: Path
) -> dict:
    folder.mkdir(parents=True)
    facts = {
        "name": config.name,
        "description": config.description,
        "value_range": [-1, 1],
        "content": {"pad": config.data.pad},
        "licence": data.licence,
        "credits": data.credits,
        "artists": data.artists,
        "images_seen": progress.images + progress.earlier_images,
        "training_minutes": round((progress.seconds + progress.earlier_seconds) / 60, 1),
        "parameters": parameter_count(denoiser),
        "gflop": round(gflop_per_pass(denoiser), 4),
    }
    if config.sampling:
        facts["sampling"] = config.sampling
    if denoiser.condition.summed:
        save_attributes(denoiser.condition, folder)
    else:
        classes = data.attributes[0]
        facts |= {"class_names": classes.values, "null_label": classes.null}
    (folder / "reverie.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    save_file(golden(denoiser, config.training.seed), folder / "golden.safetensors")
    pipeline = DDPMPipeline(unet=denoiser.unet.half(), scheduler=build_scheduler(config))
    pipeline.save_pretrained(folder)
    return facts


def _replace(folder: Path, partial: Path) -> None:
    last = folder.with_name(folder.name + ".last")
    shutil.rmtree(last, ignore_errors=True)
    if folder.exists():
        folder.rename(last)
    partial.rename(folder)
    shutil.rmtree(last, ignore_errors=True)


@torch.no_grad()
def golden(denoiser: Denoiser, seed: int) -> dict[str, torch.Tensor]:
    """An input and PyTorch's f32 output, for the engine's test of itself on any device.

    The first of the two samples asks for something, the second for nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    config = denoiser.unet.config
    shape = (2, config.in_channels, config.sample_size, config.sample_size)
    labels = torch.stack([denoiser.null // 3, denoiser.null])
    tensors = {
        "sample": torch.randn(shape, generator=generator),
        "timestep": torch.tensor([700, 20]),
        "class_labels": denoiser.condition(labels),
    }
    return tensors | {"output": denoiser.unet(**tensors).sample.contiguous()}
