"""A network that judges a noisy picture: the way down and the middle of a U-Net, and heads.

Its configuration and its weights are named as diffusers' `UNet2DModel` names them; what it adds is
`heads`, the rows of one matrix. Mean pooling is the `adaptive` one of Dhariwal & Nichol 2021's
classifiers.
"""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DModel
from safetensors.torch import load_file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from .data import Attribute
from .network import sample_size

WEIGHTS = "diffusion_pytorch_model.safetensors"


class UNet2DEncoder(UNet2DModel):
    """(x_t [N, C, H, W], t, class labels [N]) to logits [N, L], those of one head after another.

    A head of one value is the logit of yes against no.
    """

    def __init__(self, heads: list[Attribute], **unet: Any) -> None:
        super().__init__(**unet)
        described = [{"name": h.name, "title": h.title, "values": h.values} for h in heads]
        self.register_to_config(heads=described)
        width = self.config.block_out_channels[-1]
        self.up_blocks = nn.ModuleList()
        self.conv_norm_out = nn.GroupNorm(
            self.conv_norm_out.num_groups, width, eps=self.config.norm_eps
        )
        self.conv_out = nn.Identity()
        self.widths = [len(h.values) for h in heads]  # how many logits each head has
        self.head = nn.Linear(width, sum(self.widths))

    def forward(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor | int,
        class_labels: torch.Tensor | None = None,
    ) -> torch.Tensor:
        planes = super().forward(sample, timestep, class_labels, return_dict=False)[0]
        return self.head(planes.mean(dim=(2, 3)))


def load_encoder(folder: Path) -> UNet2DEncoder:
    """An exported encoder in f32, ready to judge."""
    config = json.loads((folder / "config.json").read_text())
    heads = [Attribute(**head) for head in config.pop("heads")]
    unet = {key: value for key, value in config.items() if not key.startswith("_")}
    encoder = UNet2DEncoder(heads, **unet)
    encoder.load_state_dict(load_file(folder / WEIGHTS))
    return encoder.float().eval().requires_grad_(False)


def gflop(encoder: UNet2DEncoder) -> float:
    """Convolutions and matrix products of one sample's forward pass."""
    with FlopCounterMode(display=False) as counter:
        encoder(**inputs(encoder, 1, torch.Generator()))
    return counter.get_total_flops() / 1e9


def inputs(
    encoder: UNet2DEncoder, count: int, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """`count` inputs of noise; of the classes, the first and the null one take turns."""
    config = encoder.config
    shape = (count, config.in_channels, *sample_size(config.sample_size))
    tensors = {
        "sample": torch.randn(shape, generator=generator),
        "timestep": torch.linspace(700, 20, count).long(),
    }
    if config.num_class_embeds:
        tensors["class_labels"] = torch.arange(count) % 2 * (config.num_class_embeds - 1)
    return tensors


def golden(encoder: UNet2DEncoder, seed: int) -> dict[str, torch.Tensor]:
    """Two inputs, PyTorch's logits, and its gradient of what guidance climbs.

    That is the sum of log p of each head's first value; of a head of one value, its logit.
    """
    tensors = inputs(encoder, 2, torch.Generator().manual_seed(seed))
    sample = tensors["sample"].requires_grad_()
    logits = encoder(**tensors)
    parts = logits.split(encoder.widths, dim=1)
    wished = sum(p[:, 0] if p.shape[1] == 1 else p.log_softmax(1)[:, 0] for p in parts)
    (gradient,) = torch.autograd.grad(wished.sum(), sample)
    found = tensors | {"logits": logits, "gradient": gradient}
    return {name: tensor.detach().contiguous() for name, tensor in found.items()}
