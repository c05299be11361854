"""Captions as numbers: several of each image, so that no wording is the image's own."""

import torch
from transformers import CLIPTokenizer

from .captions import Captions, Tokens
from .types import Dataset


class Sentences:
    """Tokens of every image's captions, padded to what the text encoder reads."""

    def __init__(
        self, tokenizer: CLIPTokenizer, tokens: torch.Tensor, named: torch.Tensor | None = None
    ) -> None:
        """`tokens` [N, K, L] are K captions of each image, `named` [N, K, A] what these name."""
        self.tokens, self.named = tokens.short(), named
        self.empty = tokenize(tokenizer, [""]).to(tokens.device)

    @classmethod
    def of_texts(
        cls,
        tokenizer: CLIPTokenizer,
        captions: list[list[str]],
        device: torch.device | str = "cpu",
    ) -> "Sentences":
        """`captions` are as many for each image."""
        flat = [caption for several in captions for caption in several]
        tokens = tokenize(tokenizer, flat).unflatten(0, (len(captions), -1))
        return cls(tokenizer, tokens.to(device))

    @classmethod
    def of_pictures(
        cls, tokenizer: CLIPTokenizer, data: Dataset, each: int, seed: int, least: int = 0
    ) -> "Sentences":
        """`each` captions of every picture, of `least` attributes and more, by its labels.

        They are drawn on the CPU, so that they are the same on every machine.
        """
        captions = Captions(data.attributes)
        speller = Tokens(captions, tokenizer)
        labels, visible = data.labels.cpu(), data.visible.cpu()
        generator = torch.Generator().manual_seed(seed)
        drawn = [
            speller(captions.draw(labels, visible, generator, least=least)) for _ in range(each)
        ]
        tokens, named = (torch.stack(parts, 1) for parts in zip(*drawn, strict=True))
        device = data.labels.device
        return cls(tokenizer, tokens.short().to(device), named.to(device))

    def draw(
        self, indices: torch.Tensor, dropout: float, generator: torch.Generator
    ) -> torch.Tensor:
        """One caption of each image, i64 [N, L]; a share of `dropout` of them say nothing."""
        size, device = len(indices), self.tokens.device
        which = self.choose(size, generator)
        dropped = torch.rand(size, 1, generator=generator, device=device) < dropout
        return torch.where(dropped, self.empty, self.tokens[indices, which].long())

    def choose(self, size: int, generator: torch.Generator) -> torch.Tensor:
        """Which of its captions each of `size` images has this time, i64 [N]."""
        shape, device = self.tokens.shape, self.tokens.device
        return torch.randint(shape[1], (size,), generator=generator, device=device)


def tokenize(tokenizer: CLIPTokenizer, captions: list[str]) -> torch.Tensor:
    """i64 [N, L], as `StableDiffusionPipeline` does it."""
    return tokenizer(
        captions,
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    ).input_ids
