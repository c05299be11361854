"""CLIP on portraits and their captions: what the prior predicts, and what the decoder draws of."""

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPImageProcessor, CLIPTokenizer

from ..clip import TEXT, TOKENIZER, VISION, agree, build_clip, contrast, save_in_f16
from ..config import Config
from ..data import Dataset, Shuffle, load_dataset
from ..data.sentences import Sentences, tokenize
from ..evaluation.zero_shot import accuracy, prototypes
from ..network import gflop, parameter_count
from ..tokenizer import load_tokenizer, save_tokenizer
from .facts import provenance

TABLES = frozenset({"text_encoder", "image_encoder", "captions"})
HELD_OUT = 2000  # pictures for the log's figures
PROMPTS = 4000  # pictures whose captions stand for the values
BATCH = 2000


def build(config: Config, root: Path, device: torch.device) -> "ClipTask":
    train, test = (load_dataset(config.data, root, split, device) for split in ("train", "test"))
    return ClipTask(config, train, test, load_tokenizer(), device)


class ClipTask:
    def __init__(
        self,
        config: Config,
        data: Dataset,
        test: Dataset,
        tokenizer: CLIPTokenizer,
        device: torch.device | str = "cpu",
    ) -> None:
        self.config, self.name, self.tokenizer = config, config.name, tokenizer
        self.data, self.test = data, test
        self.shuffle = Shuffle(len(data), config.training.seed, device)
        tables = config.tables
        self.model = build_clip(tables["text_encoder"], tables["image_encoder"], tokenizer)
        self.model.to(device)

    @cached_property
    def sentences(self) -> Sentences:
        table, seed = self.config.tables["captions"], self.config.training.seed
        return Sentences.of_pictures(self.tokenizer, self.data, seed=seed, **table)

    def recipe(self) -> dict[str, Any]:
        return self.config.recipe()

    def loss(
        self, model: nn.Module, first: int, size: int, generator: torch.Generator
    ) -> torch.Tensor:
        indices = self.shuffle.batch(first, size)
        which = self.sentences.choose(size, generator)
        tokens = self.sentences.tokens[indices, which].long()
        images, texts, scale = model(self.data.pixels(indices), tokens)
        true = agree(self.data.labels[indices], self.sentences.named[indices, which])
        return contrast(images, texts, scale, true)

    @torch.no_grad()
    def figures(self, model: nn.Module, generator: torch.Generator) -> dict[str, float]:
        """Zero-shot accuracy by attribute, of held-out portraits."""
        test = self.test
        seen = self.model.vision(test.pixels(slice(HELD_OUT))).image_embeds
        labels, visible = test.labels[:HELD_OUT], test.visible[:HELD_OUT]
        tokens = self.sentences.tokens[:PROMPTS, 0].long()
        texts = torch.cat([self.model.text(part).text_embeds for part in tokens.split(BATCH)])
        named = self.sentences.named[:PROMPTS, 0]
        figures = {}
        for column, attribute in enumerate(test.attributes):
            own = self.data.labels[:PROMPTS, column]
            directions = prototypes(texts, own, named[:, column], attribute)
            share = accuracy(seen, directions, labels[:, column], visible[:, column])
            figures[attribute.name] = share
        return {"mean": sum(figures.values()) / len(figures), **figures}

    def draw(self, model: nn.Module, run: Path) -> None:
        """It draws nothing."""

    def export(self, folder: Path, facts: dict[str, Any]) -> None:
        """Both networks in f16, the tokenizer, how pictures are prepared, and a golden test."""
        model, size = self.model, self.test.images.shape[2]
        pictures = self.test.pixels(slice(2)).cpu()
        tokens = tokenize(self.tokenizer, ["a figure", "an orc with pink hair"])
        costs = {TEXT: gflop(model.text, tokens[:1]), VISION: gflop(model.vision, pictures[:1])}
        facts |= provenance(self.config, self.data)
        facts["parameters"] = parameter_count(model.text) + parameter_count(model.vision)
        facts["gflop_by_part"] = {name: round(cost, 4) for name, cost in costs.items()}
        facts["logit_scale"] = model.scale.item()
        text = model.text(tokens)
        golden = {
            "input_ids": tokens,
            "last_hidden_state": text.last_hidden_state,
            "text_embeds": text.text_embeds,
            "pixel_values": pictures,
            "image_embeds": model.vision(pictures).image_embeds,
        }
        contiguous = {name: tensor.contiguous() for name, tensor in golden.items()}
        save_file(contiguous, folder / "golden.safetensors")
        save_in_f16(model.text, folder / TEXT)
        save_in_f16(model.vision, folder / VISION)
        save_tokenizer(self.tokenizer, folder / TOKENIZER)
        processor = CLIPImageProcessor(
            size={"height": size, "width": size},
            do_center_crop=False,
            image_mean=[0.5] * 3,
            image_std=[0.5] * 3,
        )
        processor.save_pretrained(folder / "feature_extractor")
