"""Checkpoint to diffusers pipeline folder: averaged weights in f16, facts, and a golden test."""

import json
from pathlib import Path

import torch
from diffusers import DDPMPipeline, UNet2DModel
from safetensors.torch import save_file

from .config import Config
from .data import Dataset
from .network import build_scheduler, build_unet, gflop_per_pass, parameter_count


def export(config: Config, data: Dataset, checkpoint: Path, folder: Path) -> dict:
    """Writes the model of `checkpoint` to `folder`; returns what `reverie.json` says of it."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    unet = build_unet(config)
    for parameter, average in zip(unet.parameters(), state["ema"]["shadow_params"], strict=True):
        parameter.data.copy_(average)
    unet = unet.eval().requires_grad_(False).half()
    folder.mkdir(parents=True, exist_ok=True)
    DDPMPipeline(unet=unet, scheduler=build_scheduler(config)).save_pretrained(folder)
    unet = unet.float()
    facts = {
        "name": config.name,
        "description": config.description,
        "class_names": data.class_names,
        "null_label": config.null_label,
        "value_range": [-1, 1],
        "content": {"pad": config.data.pad},
        "licence": data.licence,
        "credits": data.credits,
        "images_seen": state["progress"]["images"],
        "parameters": parameter_count(unet),
        "gflop": round(gflop_per_pass(unet), 4),
    }
    (folder / "reverie.json").write_text(json.dumps(facts, indent=2) + "\n")
    save_file(golden(unet, config.training.seed), folder / "golden.safetensors")
    return facts


@torch.no_grad()
def golden(unet: UNet2DModel, seed: int) -> dict[str, torch.Tensor]:
    """An input and PyTorch's f32 output, for the engine's test of itself on any device."""
    generator = torch.Generator().manual_seed(seed)
    size, labels = unet.config.sample_size, unet.config.num_class_embeds
    tensors = {
        "sample": torch.randn(2, unet.config.in_channels, size, size, generator=generator),
        "timestep": torch.tensor([700, 20]),
        "class_labels": torch.tensor([3, labels - 1]),
    }
    return tensors | {"output": unet(**tensors).sample.contiguous()}
