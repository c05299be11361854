"""`evaluate`: the figures of an exported folder, by what its configuration trains."""

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from ..config import Config
from ..data import Dataset, load_dataset
from .classifier import Classifier, load_or_train


def evaluate(config: Config, arguments: argparse.Namespace, out: Path) -> dict[str, Any]:
    """Figures; pictures are written to `out`."""
    if config.task not in EVALUATIONS:
        raise ValueError(
            f"there are no figures of a {config.task}, but of {', '.join(EVALUATIONS)}"
        )
    return EVALUATIONS[config.task](config, arguments, out)


def evaluate_denoiser(config: Config, arguments: argparse.Namespace, out: Path) -> dict[str, Any]:
    from ..data.lpc import Wardrobe
    from . import Evaluation, Size

    train, test = (load_dataset(config.data, arguments.data, split) for split in ("train", "test"))
    classifier = load_or_train(judge_file(config, arguments), train, config.data.pad)
    size = Size(
        arguments.samples, arguments.guided, arguments.wished, arguments.bound, arguments.steps
    )
    wardrobe = Wardrobe.open(arguments.data / "LPC") if config.data.dataset == "lpc" else None
    evaluation = Evaluation(arguments.model, train, test, classifier, size, arguments.bf16)
    return evaluation.run(out, wardrobe)


def evaluate_autoencoder(
    config: Config, arguments: argparse.Namespace, out: Path
) -> dict[str, Any]:
    from . import autoencoder

    test, classifier = judged(config, arguments)
    return autoencoder.evaluate(arguments.model, test, classifier, out, arguments.guided)


def evaluate_latent(config: Config, arguments: argparse.Namespace, out: Path) -> dict[str, Any]:
    from ..data.captions import Captions
    from . import latent

    test, classifier = judged(config, arguments)
    painter = latent.Painter(arguments.model, test.images.device)
    captions = Captions(test.attributes)
    asked = latent.Asked.of_pictures(test, painter.tokenizer, captions, arguments.guided)
    return {
        "recipe": asdict(latent.Recipe()),
        "named": latent.named(painter, classifier, asked, test.attributes, out),
        "swapped": latent.swapped(
            painter, classifier, captions.say, test.attributes, arguments.wished, out
        ),
    }


def evaluate_clip(config: Config, arguments: argparse.Namespace, out: Path) -> dict[str, Any]:
    from ..clip import Encoders
    from . import unclip

    test, classifier = judged(config, arguments)
    train = load_dataset(config.data, arguments.data, device=test.images.device)
    clip = Encoders.load(arguments.model, test.images.device)
    figures = unclip.zero_shot(clip, train, test)
    return figures | {"supervised": unclip.supervised(classifier, test)}


def evaluate_prior(config: Config, arguments: argparse.Namespace, out: Path) -> dict[str, Any]:
    from ..clip import Encoders
    from ..data.lpc import Wardrobe
    from . import unclip

    device = best_device()
    test = load_dataset(config.data, arguments.data, "test", device)
    clip = Encoders.load(Path(config.tables["parts"]["clip"]), device)
    prior = unclip.Prior(arguments.model, device)
    generator = torch.Generator(device).manual_seed(0)
    guessed = unclip.guess(clip, prior, test, arguments.guided, generator)
    wardrobe = Wardrobe.open(arguments.data / "LPC")
    ways = guessed.ways | {"another": unclip.another(clip, wardrobe, test, guessed)}
    return {"images": arguments.guided} | replace(guessed, ways=ways).figures()


def evaluate_decoder(config: Config, arguments: argparse.Namespace, out: Path) -> dict[str, Any]:
    from ..clip import Encoders
    from . import unclip

    test, classifier = judged(config, arguments)
    device, parts = test.images.device, config.tables["parts"]
    clip, prior = Encoders.load(Path(parts["clip"]), device), Path(parts["prior"])
    decoder = unclip.load_decoder(arguments.model, device)
    return unclip.unclip(
        clip, unclip.Prior(prior, device), decoder, classifier, test, arguments.guided, out
    )


EVALUATIONS = {
    "denoise": evaluate_denoiser,
    "autoencoder": evaluate_autoencoder,
    "latent": evaluate_latent,
    "clip": evaluate_clip,
    "prior": evaluate_prior,
    "decoder": evaluate_decoder,
}


def judged(config: Config, arguments: argparse.Namespace) -> tuple[Dataset, Classifier]:
    """The held-out set and its classifier, on the card if there is one."""
    path, device = judge_file(config, arguments), best_device()
    test = load_dataset(config.data, arguments.data, "test", device)
    # One that has been trained needs of the data set no more than its names.
    known = test if path.exists() else load_dataset(config.data, arguments.data, device=device)
    return test, load_or_train(path, known, config.data.pad)


def judge_file(config: Config, arguments: argparse.Namespace) -> Path:
    if arguments.classifier is None:
        raise ValueError(
            f"{config.name} is judged by a classifier: name its file with --classifier, "
            "it is made there if it is missing"
        )
    return arguments.classifier


def best_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
