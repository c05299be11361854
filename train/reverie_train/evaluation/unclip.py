"""Whether CLIP sees what the attributes say, and whether the prior helps the decoder draw it.

The decoder is asked three ways: by the embedding of the picture that a caption is of, by that which
the prior guesses of the caption, and by the caption's own, which is none of a picture
(Ramesh et al. 2022, figure 8 and section 5.1).
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import PriorTransformer, UnCLIPScheduler, UNet2DModel
from safetensors.torch import load_file
from torch.nn import functional as F

from ..clip import Encoders, Said
from ..data import Dataset
from ..data.captions import Captions
from ..data.lpc import Wardrobe
from ..data.sentences import Sentences, tokenize
from ..tasks.decoder import EMBEDDING, Decoder, decode
from ..tasks.prior import sample_prior
from .agreement import agreement
from .classifier import Classifier, judge
from .samples import save_grid
from .zero_shot import accuracy, plain_prompts, prototypes

BATCH = 250
PROMPTS = 4000  # pictures whose captions stand for the values
SHOWN = 16  # captions in the picture


def zero_shot(clip: Encoders, train: Dataset, test: Dataset) -> dict[str, Any]:
    """Accuracy by attribute on `test`: by captions of `train`'s labels, and by plain prompts."""
    captions, device = Captions(train.attributes), test.images.device
    sentences = Sentences.of_pictures(clip.tokenizer, train, each=1, seed=2, least=4)
    texts = clip.say(sentences.tokens[:PROMPTS, 0].long()).embedding
    seen = clip.see(test.images)
    by_captions, by_prompts = {}, {}
    for column, attribute in enumerate(test.attributes):
        truth = test.labels[:, column], test.visible[:, column]
        named = sentences.named[:PROMPTS, 0, column]
        means = prototypes(texts, train.labels[:PROMPTS, column], named, attribute)
        by_captions[attribute.name] = accuracy(seen, means, *truth)
        tokens = tokenize(clip.tokenizer, plain_prompts(captions, attribute)).to(device)
        plain = F.normalize(clip.say(tokens).embedding)
        by_prompts[attribute.name] = accuracy(seen, plain, *truth)
    return {"by_captions": by_captions, "by_plain_prompts": by_prompts}


def supervised(classifier: Classifier, test: Dataset) -> dict[str, float]:
    """What a classifier trained on the labels reaches: what the zero-shot figures are held to."""
    right = judge(classifier, test.images).labels == test.labels.cpu()
    visible, columns = test.visible.cpu(), enumerate(test.attributes)
    return {a.name: right[visible[:, i], i].float().mean().item() for i, a in columns}


class Prior:
    """An exported prior: captions to embeddings of pictures."""

    def __init__(self, folder: Path, device: torch.device | str) -> None:
        model = PriorTransformer.from_pretrained(
            folder, subfolder="prior", torch_dtype=torch.float32
        )
        self.model = model.to(device).eval()
        self.scheduler = UnCLIPScheduler.from_pretrained(folder, subfolder="prior_scheduler")

    def __call__(self, said: Said, generator: torch.Generator) -> torch.Tensor:
        """The better of two samples."""
        both = [sample_prior(self.model, self.scheduler, said, generator) for _ in range(2)]
        return better(said, *both)


def better(said: Said, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Of two embeddings [N, D] for each caption, the one whose product with its own is larger."""
    first, second = ((z * said.embedding).sum(1, keepdim=True) for z in (one, other))
    return torch.where(first >= second, one, other)


def load_decoder(folder: Path, device: torch.device | str) -> tuple[Decoder, dict[str, Any]]:
    """An exported decoder in f32, and its scheduler's configuration."""
    unet = UNet2DModel.from_pretrained(folder, subfolder="unet", torch_dtype=torch.float32)
    weight = load_file(folder / EMBEDDING)["weight"].float()
    decoder = Decoder(unet, weight.shape[1])
    decoder.embedding.weight.data = weight
    decoder.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    return decoder, json.loads((folder / "scheduler" / "scheduler_config.json").read_text())


@dataclass(frozen=True)
class Guess:
    """What stands for pictures [N, D], by who says so."""

    ways: dict[str, torch.Tensor]
    said: Said
    named: torch.Tensor  # bool [N, A]: the attributes of which it was said

    def figures(self) -> dict[str, Any]:
        """Cosines with the pictures' own embeddings, and how much the prior adds."""
        true = self.ways["picture"]
        cosines = {n: F.cosine_similarity(z, true).mean().item() for n, z in self.ways.items()}
        return {"cosine": cosines, "gain": cosines["prior"] - cosines["caption"]}


def guess(
    clip: Encoders, prior: Prior, test: Dataset, count: int, generator: torch.Generator
) -> Guess:
    """Embeddings of the first `count` pictures: their own, the prior's and a caption's."""
    sentences = Sentences.of_pictures(clip.tokenizer, test, each=1, seed=3, least=1)
    said = clip.say(sentences.tokens[:count, 0].long())
    true = clip.see(test.images[:count])
    # A caption's embedding is taken as long as a picture's: only its direction is on trial.
    own = F.normalize(said.embedding) * true.norm(dim=1).mean()
    ways = {"picture": true, "prior": prior(said, generator), "caption": own}
    return Guess(ways, said, sentences.named[:count, 0])


def another(clip: Encoders, wardrobe: Wardrobe, test: Dataset, guessed: Guess) -> torch.Tensor:
    """Embeddings of other portraits of which the captions are true: a prior can know no more.

    As of the prior's, the better of two.
    """
    chance, device = random.Random(0), test.images.device
    rows = zip(test.labels.tolist(), guessed.named.tolist(), strict=False)
    wishes = [
        {a.name: a.values[i] for a, i, named in zip(test.attributes, *row, strict=True) if named}
        for row in rows
    ]
    both = [
        clip.see(wardrobe.compose([wardrobe.draw(chance, wish) for wish in wishes], device))
        for _ in range(2)
    ]
    return better(guessed.said, *both)


def unclip(
    clip: Encoders,
    prior: Prior,
    decoder: tuple[Decoder, dict[str, Any]],
    classifier: Classifier,
    test: Dataset,
    count: int,
    out: Path,
    scale: float = 2.0,
) -> dict[str, Any]:
    """Cosines with the true embedding, and agreement with what `count` captions name.

    Writes `unclip.png`: the pictures, and what is drawn of each in the three ways.
    """
    device = test.images.device
    generator = torch.Generator(device).manual_seed(0)
    guessed = guess(clip, prior, test, count, generator)
    shape = (count, *test.images.shape[1:])
    noise = torch.randn(shape, generator=generator, device=device)
    drawn = {name: _decode(decoder, z, noise, scale) for name, z in guessed.ways.items()}
    rows = torch.cat([test.pixels(slice(SHOWN)), *(some[:SHOWN] for some in drawn.values())])
    save_grid(rows.cpu(), out / "unclip.png", columns=SHOWN, scale=3)
    agreements = {
        name: agreement(
            judge(classifier, pictures).labels,
            test.labels[:count].cpu(),
            guessed.named.cpu(),
            test.attributes,
        )
        for name, pictures in drawn.items()
    }
    return guessed.figures() | {"guidance_scale": scale, "agreement": agreements}


def _decode(
    decoder: tuple[Decoder, dict[str, Any]], z: torch.Tensor, noise: torch.Tensor, scale: float
) -> torch.Tensor:
    network, scheduler = decoder
    pairs = zip(z.split(BATCH), noise.split(BATCH), strict=True)
    return torch.cat([decode(network, scheduler, part, start, scale) for part, start in pairs])
