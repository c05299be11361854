"""CLIP: a network for pictures and one for captions that put what belongs together side by side.

Radford et al. 2021. Both are transformers' own, each with its projection.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import (
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from .data import to_samples

TEXT, VISION, TOKENIZER = "text_encoder", "image_encoder", "tokenizer"
FIRST_SCALE, LARGEST_SCALE = 1 / 0.07, 100.0
BATCH = 2000


class Clip(nn.Module):
    """Pictures f32 [N, C, H, W] and tokens [N, L] to both's embeddings [N, D], and their scale."""

    def __init__(
        self, text: CLIPTextModelWithProjection, vision: CLIPVisionModelWithProjection
    ) -> None:
        super().__init__()
        self.text, self.vision = text, vision
        self.log_scale = nn.Parameter(torch.tensor(FIRST_SCALE).log())

    def forward(
        self, pictures: torch.Tensor, tokens: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self.vision(pictures).image_embeds, self.text(tokens).text_embeds, self.scale

    @property
    def scale(self) -> torch.Tensor:
        """What cosines are multiplied by before they compete."""
        return self.log_scale.exp().clamp(max=LARGEST_SCALE)


def build_clip(text: dict[str, Any], vision: dict[str, Any], tokenizer: CLIPTokenizer) -> Clip:
    """A new one, of the configurations' tables; what the tokenizer says is added."""
    said = {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": tokenizer.model_max_length,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    return Clip(
        CLIPTextModelWithProjection(CLIPTextConfig(**text, **said)),
        CLIPVisionModelWithProjection(CLIPVisionConfig(**vision)),
    )


def contrast(
    images: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor, true: torch.Tensor
) -> torch.Tensor:
    """The mean of both directions' cross-entropies, of embeddings [N, D].

    `true` [N, N] says of which picture (row) which caption is true: one of another picture that
    happens to be true is not held against it.
    """
    logits = scale * F.normalize(images.float()) @ F.normalize(texts.float()).T
    own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    logits = logits.masked_fill(true & ~own, -torch.inf)
    index = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, index) + F.cross_entropy(logits.T, index)) / 2


def agree(labels: torch.Tensor, named: torch.Tensor) -> torch.Tensor:
    """Whether what picture j's caption names is true of picture i, bool [N, N].

    `labels` [N, A] are the pictures', `named` [N, A] the attributes that the captions name.
    """
    same = labels[:, None] == labels[None]
    return (same | ~named[None]).all(2)


@dataclass(frozen=True)
class Said:
    """Captions as the prior is given them."""

    hidden: torch.Tensor  # [N, L, D], of every token
    embedding: torch.Tensor  # [N, D]
    mask: torch.Tensor  # bool [N, L]: the tokens up to the first end


@dataclass(frozen=True)
class Encoders:
    """An exported CLIP, frozen, in f32."""

    text: CLIPTextModelWithProjection
    vision: CLIPVisionModelWithProjection
    tokenizer: CLIPTokenizer

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> "Encoders":
        try:
            text = CLIPTextModelWithProjection.from_pretrained(folder / TEXT)
            vision = CLIPVisionModelWithProjection.from_pretrained(folder / VISION)
            tokenizer = CLIPTokenizer.from_pretrained(folder / TOKENIZER)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{folder} is no exported CLIP ({error}): train and export one there first"
            ) from error
        for network in (text, vision):
            network.float().to(device).eval().requires_grad_(False)
        return cls(text, vision, tokenizer)

    @torch.no_grad()
    def say(self, tokens: torch.Tensor) -> Said:
        output = self.text(tokens)
        ends = tokens == self.tokenizer.eos_token_id
        return Said(output.last_hidden_state, output.text_embeds, ends.cumsum(1) - ends.int() == 0)

    @torch.no_grad()
    def see(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings [N, D] of images, u8."""
        parts = [self.vision(to_samples(part)).image_embeds for part in images.split(BATCH)]
        return torch.cat(parts)


def save_in_f16(network: nn.Module, folder: Path) -> None:
    """Weights in f16 that are read in f32: transformers reads them as stored otherwise."""
    network.half().save_pretrained(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"dtype": "float32"}, indent=2) + "\n")
