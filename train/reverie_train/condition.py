"""How a model is told what to draw: a class, or several attributes at once.

Either way a sample's labels are one value for each attribute, [A], and the null value of an
attribute leaves it free. A model with classes has one attribute, whose table is the U-Net's own. A
model with several sums one embedding of each, and the sum enters the U-Net as it is
(`class_embed_type: "identity"`), so that the U-Net remains one that diffusers knows.
"""

import json
from pathlib import Path

import torch
from diffusers import UNet2DModel
from safetensors.torch import load_file, save_file
from torch import nn

from .config import TrainingConfig
from .data import Attribute

DESCRIPTION, TABLES = "attributes.json", "attributes.safetensors"


class Condition(nn.Module):
    """Labels [N, A] to the U-Net's `class_labels`: numbers [N], or vectors [N, D]."""

    def __init__(self, attributes: list[Attribute], unet: UNet2DModel) -> None:
        super().__init__()
        self.attributes = attributes
        self.summed = unet.config.class_embed_type == "identity"
        self.register_buffer("null", torch.tensor([a.null for a in attributes]), persistent=False)
        self.tables = nn.ModuleList()
        if self.summed:
            width = 4 * unet.config.block_out_channels[0]
            self.tables.extend(nn.Embedding(a.null + 1, width) for a in attributes)
        elif len(attributes) != 1 or unet.config.num_class_embeds != attributes[0].null + 1:
            raise ValueError(
                f"the network has {unet.config.num_class_embeds} class embeddings, but the data "
                f"{[a.null for a in attributes]} values and a null one: correct num_class_embeds"
            )

    def forward(self, labels: torch.Tensor) -> torch.Tensor:
        if not self.summed:
            return labels[:, 0]
        return sum(table(column) for table, column in zip(self.tables, labels.T, strict=True))

    def drop(
        self, labels: torch.Tensor, config: TrainingConfig, generator: torch.Generator
    ) -> torch.Tensor:
        """Labels with some left free.

        `label_dropout` of the samples lose all of them, and `subset_share` lose each with a chance
        that is drawn for the sample, so that subsets of every size are met.
        """
        count, attributes = labels.shape

        def uniform(columns: int) -> torch.Tensor:
            return torch.rand(count, columns, generator=generator, device=labels.device)

        fate, chance = uniform(1), uniform(1)
        each = uniform(attributes) < chance
        dropped = fate < config.label_dropout
        dropped = dropped | ((fate > 1 - config.subset_share) & each)
        return torch.where(dropped, self.null, labels)


class Denoiser(nn.Module):
    """The U-Net with its condition: (x_t [N, C, H, W], t, labels [N, A]) to the prediction."""

    def __init__(self, unet: UNet2DModel, attributes: list[Attribute]) -> None:
        super().__init__()
        self.unet = unet
        self.condition = Condition(attributes, unet)

    def forward(
        self, sample: torch.Tensor, timestep: torch.Tensor | int, labels: torch.Tensor
    ) -> torch.Tensor:
        return self.unet(sample, timestep, class_labels=self.condition(labels)).sample

    @property
    def null(self) -> torch.Tensor:
        return self.condition.null


def save_attributes(condition: Condition, folder: Path) -> None:
    """Writes the names and values, and a table [V + 1, D] of each attribute in f16."""
    described = [
        {"name": a.name, "title": a.title, "values": a.values} for a in condition.attributes
    ]
    text = json.dumps({"attributes": described}, indent=2, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(text + "\n")
    pairs = zip(condition.attributes, condition.tables, strict=True)
    save_file({a.name: table.weight.half() for a, table in pairs}, folder / TABLES)


def load_denoiser(folder: Path) -> Denoiser:
    """An exported model in f32, ready to predict."""
    unet = UNet2DModel.from_pretrained(folder, subfolder="unet", torch_dtype=torch.float32)
    if unet.config.class_embed_type == "identity":
        described = json.loads((folder / DESCRIPTION).read_text())["attributes"]
        denoiser = Denoiser(unet, [Attribute(**attribute) for attribute in described])
        tables = load_file(folder / TABLES)
        condition = denoiser.condition
        for attribute, table in zip(condition.attributes, condition.tables, strict=True):
            table.weight.data = tables[attribute.name].float()
    else:
        names = json.loads((folder / "reverie.json").read_text())["class_names"]
        denoiser = Denoiser(unet, [Attribute("class", "Class", names)])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    denoiser.to(device, memory_format=torch.channels_last)
    return denoiser.eval().requires_grad_(False)
