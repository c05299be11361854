"""`python -m reverie_train COMMAND`: see `--help` of each command."""

import argparse
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
    command.add_argument("--run", type=Path, required=True, help="folder of checkpoint and pictures")
    command.add_argument("--images", type=int, help="another budget than the config's")
    command.add_argument("--minutes", type=float, default=math.inf, help="a budget of wall time")
    command.set_defaults(run_command=run_train)

    arguments = parser.parse_args()
    arguments.run_command(arguments)


def run_train(arguments: argparse.Namespace) -> None:
    from .training import train

    config = load_config(arguments.config)
    if arguments.images:
        config = replace(config, training=replace(config.training, images=arguments.images))
    data = load_dataset(config.data, arguments.data)
    train(config, data, arguments.run, minutes=arguments.minutes)


if __name__ == "__main__":
    main()
