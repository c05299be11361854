"""Captions as numbers: several of each image, so that no wording is the image's own."""

import torch
from transformers import CLIPTokenizer


class Sentences:
    """Tokens of every image's captions, padded to what the text encoder reads."""

    def __init__(
        self,
        tokenizer: CLIPTokenizer,
        captions: list[list[str]],
        device: torch.device | str = "cpu",
    ) -> None:
        """`captions` are as many for each image."""
        flat = [caption for several in captions for caption in several]
        tokens = tokenize(tokenizer, flat).unflatten(0, (len(captions), -1))
        self.tokens = tokens.short().to(device)
        self.empty = tokenize(tokenizer, [""]).to(device)

    def draw(
        self, indices: torch.Tensor, dropout: float, generator: torch.Generator
    ) -> torch.Tensor:
        """One caption of each image, i64 [N, L]; a share of `dropout` of them say nothing."""
        size, device = len(indices), self.tokens.device
        which = torch.randint(self.tokens.shape[1], (size,), generator=generator, device=device)
        dropped = torch.rand(size, 1, generator=generator, device=device) < dropout
        return torch.where(dropped, self.empty, self.tokens[indices, which].long())


def tokenize(tokenizer: CLIPTokenizer, captions: list[str]) -> torch.Tensor:
    """i64 [N, L], as `StableDiffusionPipeline` does it."""
    return tokenizer(
        captions,
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    ).input_ids
