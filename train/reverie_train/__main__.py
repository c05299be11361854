"""`python -m reverie_train COMMAND`: see `--help` of each command."""

import argparse
import json
import math
from dataclasses import replace
from pathlib import Path

from .config import load_config
from .data import load_dataset


def main() -> None:
    parser = argparse.ArgumentParser(prog="reverie_train", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("train", help="train a model, or resume its training")
    command.add_argument("config", type=Path)
    command.add_argument("--data", type=Path, default=Path("data"), help="folder of the data sets")
    command.add_argument(
        "--run", type=Path, required=True, help="folder of checkpoint and pictures"
    )
    command.add_argument("--images", type=int, help="another budget than the config's")
    command.add_argument("--minutes", type=float, default=math.inf, help="a budget of wall time")
    command.set_defaults(run_command=run_train)

    command = commands.add_parser("export", help="write a checkpoint as a diffusers folder")
    command.add_argument("config", type=Path)
    command.add_argument("--data", type=Path, default=Path("data"), help="folder of the data sets")
    command.add_argument("--run", type=Path, required=True, help="folder of the checkpoint")
    command.add_argument("--out", type=Path, required=True, help="folder to write")
    command.set_defaults(run_command=run_export)

    command = commands.add_parser("evaluate", help="let a classifier judge a model's samples")
    command.add_argument("config", type=Path)
    command.add_argument("--data", type=Path, default=Path("data"), help="folder of the data sets")
    command.add_argument("--model", type=Path, help="exported folder, sampled with diffusers")
    command.add_argument(
        "--from", type=Path, nargs="+", dest="files", help="samples made elsewhere"
    )
    command.add_argument("--class", type=int, nargs="+", dest="classes", help="one for each file")
    command.add_argument("--classifier", type=Path, required=True, help="its file, made if missing")
    command.add_argument("--per-class", type=int, default=100)
    command.add_argument("--steps", type=int, default=50)
    command.add_argument("--guidance-scale", type=float, default=2.0)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--json", type=Path, help="file for the figures")
    command.add_argument("--grid", type=Path, help="file for a picture of some samples")
    command.set_defaults(run_command=run_evaluate)

    command = commands.add_parser("fixtures", help="write what the engine is tested against")
    command.add_argument("--out", type=Path, required=True, help="folder to write")
    command.add_argument("--preset", help="only this network, too large to commit")
    command.add_argument("--random", type=int, metavar="N", help="only N random configurations")
    command.add_argument("--seed", type=int, default=0, help="of the random configurations")
    command.set_defaults(run_command=run_fixtures)

    arguments = parser.parse_args()
    arguments.run_command(arguments)


def run_train(arguments: argparse.Namespace) -> None:
    from .training import train

    config = load_config(arguments.config)
    if arguments.images:
        config = replace(config, training=replace(config.training, images=arguments.images))
    data = load_dataset(config.data, arguments.data)
    train(config, data, arguments.run, minutes=arguments.minutes)


def run_export(arguments: argparse.Namespace) -> None:
    from .export import export

    config = load_config(arguments.config)
    data = load_dataset(config.data, arguments.data)
    facts = export(config, data, arguments.run / "checkpoint.pt", arguments.out)
    print(json.dumps(facts, indent=2))


def run_evaluate(arguments: argparse.Namespace) -> None:
    from . import evaluate
    from .classifier import load_or_train

    if (arguments.model is None) == (arguments.files is None):
        raise SystemExit("evaluate: give either --model or --from")
    config = load_config(arguments.config)
    train = load_dataset(config.data, arguments.data)
    test = load_dataset(config.data, arguments.data, split="test")
    classifier, accuracy = load_or_train(arguments.classifier, train, test)
    recipe = {}
    if arguments.model:
        recipe = {
            "sampler": "ddim",
            "steps": arguments.steps,
            "guidance_scale": arguments.guidance_scale,
            "seed": arguments.seed,
        }
        samples, labels = evaluate.generate(
            arguments.model,
            config.null_label,
            arguments.per_class,
            arguments.steps,
            arguments.guidance_scale,
            arguments.seed,
        )
    else:
        samples, labels = evaluate.read_samples(arguments.files, arguments.classes)
    figures = recipe | {"classifier_accuracy": accuracy}
    figures |= evaluate.judge(classifier, samples, labels)
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    if arguments.grid:
        evaluate.save_grid(samples, labels, arguments.grid)


def run_fixtures(arguments: argparse.Namespace) -> None:
    from . import fixtures

    if arguments.preset:
        fixtures.write_unets([fixtures.PRESETS[arguments.preset]], arguments.out)
    elif arguments.random:
        cases = fixtures.random_cases(arguments.random, arguments.seed)
        fixtures.write_unets(cases, arguments.out)
    else:
        fixtures.write_all(arguments.out)


if __name__ == "__main__":
    main()
