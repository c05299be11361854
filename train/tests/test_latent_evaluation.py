"""Measures of the autoencoder and of the latent model, with painters whose answers are known."""

from argparse import Namespace

import pytest
import torch
from conftest import CONFIGS
from diffusers import AutoencoderKL

from reverie_train.config import load_config
from reverie_train.data import Attribute
from reverie_train.evaluation import autoencoder, commands, latent
from reverie_train.evaluation.classifier import Classifier

HAIR = Attribute("hair", "Hair", ["red", "green", "blue"])
EYES = Attribute("eyes", "Eyes", ["red", "green", "blue"])
PAIR = ({"hair": "red", "eyes": "green"}, {"hair": "green", "eyes": "red"})


class Reader(Classifier):
    """Reads a picture's two values off two of its pixels, where `paint` writes them."""

    def __init__(self) -> None:
        super().__init__([HAIR, EYES], channels=3)
        self.body = torch.nn.Flatten()
        self.heads = torch.nn.ModuleList([Corner(0), Corner(1)])


class Corner(torch.nn.Module):
    def __init__(self, column: int) -> None:
        super().__init__()
        self.column = torch.nn.Parameter(torch.tensor(column), requires_grad=False)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures.unflatten(1, (3, 8, 8))[:, :, 0, self.column]


def paint(hair: str, eyes: str) -> torch.Tensor:
    picture = torch.full((3, 8, 8), -1.0)
    picture[HAIR.values.index(hair), 0, 0] = 1
    picture[EYES.values.index(eyes), 0, 1] = 1
    return picture


def say(wish: dict[str, str]) -> str:
    return f"{wish['hair']} hair {wish['eyes']} eyes"


class Obedient:
    def __call__(self, prompts: list[str], recipe: latent.Recipe) -> torch.Tensor:
        return torch.stack([paint(*self.read(prompt.split())) for prompt in prompts])

    def read(self, words: list[str]) -> tuple[str, str]:
        return words[0], words[2]


class BagOfWords(Obedient):
    """Sees which colours are named, not of what."""

    def read(self, words: list[str]) -> tuple[str, str]:
        return tuple(sorted((words[0], words[2])))


def test_swapped_words_must_move_both(monkeypatch, tmp_path):
    monkeypatch.setattr(latent, "SWAPS", [PAIR])

    def figures(painter) -> dict:
        (pair,) = latent.swapped(painter, Reader(), say, [HAIR, EYES], 4, tmp_path)
        return pair

    obeyed = figures(Obedient())
    assert obeyed["right"] == [1, 1] and obeyed["both"] == 1
    assert obeyed["prompts"] == ["red hair green eyes", "green hair red eyes"]
    confused = figures(BagOfWords())
    assert confused["right"] == [0, 1] and confused["both"] == 0
    assert (tmp_path / "swapped.png").stat().st_size > 0


def test_only_what_is_named_counts(tmp_path):
    asked = latent.Asked(
        ["red hair blue eyes", "blue hair blue eyes"],
        torch.tensor([[0, EYES.null], [0, 2]]),
        torch.ones(2, 2, dtype=torch.bool),
    )
    figures = latent.named(Obedient(), Reader(), asked, [HAIR, EYES], tmp_path)
    assert figures["by_attribute"] == pytest.approx({"hair": 0.5, "eyes": 1.0})
    assert (tmp_path / "drawn.txt").read_text() == "red hair blue eyes\nblue hair blue eyes\n"


def test_an_autoencoder_is_judged_by_what_is_left(wishing, tmp_path):
    torch.manual_seed(0)
    vae = AutoencoderKL(
        block_out_channels=[8, 8],
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        norm_num_groups=4,
    )
    vae.save_pretrained(tmp_path / "vae")
    classifier = Classifier(wishing.attributes, channels=3)
    figures = autoencoder.evaluate(tmp_path, wishing, classifier, tmp_path, count=24)
    assert figures["images"] == 24
    assert figures["psnr"] < 20
    assert set(figures["agreement"]) == {"real", "reconstructed", "relative"}
    assert (tmp_path / "reconstructed.png").stat().st_size > 0


def test_the_background_does_not_count_as_drawn():
    pictures = torch.zeros(1, 3, 4, 4)
    pictures[:, 0, 1, 1] = 1  # the whole pixel is drawn, though two channels are the background's
    seen = pictures.clone()
    seen[:, :, 3] = 0.7  # of the background
    seen[:, :, 1, 1] += 0.2
    assert autoencoder.psnr_drawn(seen, pictures) == pytest.approx(20, abs=1e-4)


def test_whoever_is_judged_by_a_classifier_says_where_it_lies():
    config = load_config(CONFIGS / "latent.toml")
    with pytest.raises(ValueError, match="latent is judged by a classifier"):
        commands.judged(config, Namespace(classifier=None))
