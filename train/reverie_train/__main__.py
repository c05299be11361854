"""`python -m reverie_train COMMAND`: see `--help` of each command."""

import argparse
import json
import math
import time
from dataclasses import replace
from pathlib import Path

from .config import load_config
from .data import load_dataset

SHOWN = (".log", ".jsonl", ".png")  # what tells of a run, beside its checkpoint


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
    command.add_argument("--batch", type=int, help="another batch size than the config's")
    command.add_argument("--minutes", type=float, default=math.inf, help="a budget of wall time")
    command.add_argument("--from", type=Path, dest="origin", help="an exported model to start from")
    command.add_argument("--learning-rate", type=float, help="another than the config's")
    command.add_argument(
        "--checkpoint-seconds", type=float, default=120, help="the most that a kill can lose"
    )
    command.add_argument("--out", type=Path, help="a folder to export to at the end")
    command.set_defaults(run_command=run_train)

    command = commands.add_parser("queue", help="train and export many models at once")
    command.add_argument("queue", type=Path, help="a file of `queues/`")
    command.add_argument("--data", type=Path, default=Path("data"), help="folder of the data sets")
    command.add_argument("--configs", type=Path, default=Path("configs"), help="folder of configs")
    command.add_argument("--runs", type=Path, required=True, help="folder of checkpoints and logs")
    command.add_argument("--out", type=Path, required=True, help="folder to export to")
    command.add_argument("--parcels", type=Path, help="a folder for tar files of all of it")
    command.add_argument("--minutes", type=float, required=True, help="for everything")
    command.add_argument("--spare-seconds", type=float, default=60, help="of them, for exports")
    command.add_argument("--jobs", type=int, default=16, help="how many at once")
    command.add_argument("--images", type=int, help="another budget for each, to rehearse")
    command.add_argument("--batch", type=int, help="another batch size for each, to rehearse")
    command.set_defaults(run_command=run_queue)

    command = commands.add_parser("pack", help="write the LPC layers as one file")
    command.add_argument("--data", type=Path, default=Path("data"), help="folder of the data sets")
    command.add_argument("--out", type=Path, required=True, help="another such folder")
    command.set_defaults(run_command=run_pack)

    command = commands.add_parser("tokenizer", help="learn the captions' tokenizer anew")
    command.add_argument("--data", type=Path, default=Path("data"), help="folder of the data sets")
    command.add_argument("--out", type=Path, required=True, help="folder to write")
    command.set_defaults(run_command=run_tokenizer)

    command = commands.add_parser("export", help="write a checkpoint as a diffusers folder")
    command.add_argument("config", type=Path)
    command.add_argument("--data", type=Path, default=Path("data"), help="folder of the data sets")
    command.add_argument("--run", type=Path, required=True, help="folder of the checkpoint")
    command.add_argument("--out", type=Path, required=True, help="folder to write")
    command.set_defaults(run_command=run_export)

    command = commands.add_parser("evaluate", help="measure an exported model")
    command.add_argument("config", type=Path)
    command.add_argument("--data", type=Path, default=Path("data"), help="folder of the data sets")
    command.add_argument("--model", type=Path, required=True, help="the exported folder")
    command.add_argument("--classifier", type=Path, help="its file, made if missing")
    command.add_argument("--out", type=Path, help="folder of figures and pictures; the model's own")
    command.add_argument("--samples", type=int, default=2000, help="unguided ones")
    command.add_argument("--guided", type=int, default=1000, help="guided ones")
    command.add_argument("--wished", type=int, default=100, help="for each three wishes")
    command.add_argument("--bound", type=int, default=200, help="images for the bound")
    command.add_argument("--steps", type=int, default=50, help="of DDIM")
    command.add_argument("--bf16", action="store_true", help="sample in bf16, twice as fast")
    command.set_defaults(run_command=run_evaluate)

    command = commands.add_parser("judge", help="let the classifier judge samples of the engine")
    command.add_argument("config", type=Path)
    command.add_argument("files", type=Path, nargs="+", help="what `reverie sample` wrote")
    command.add_argument("--data", type=Path, default=Path("data"), help="folder of the data sets")
    command.add_argument("--classifier", type=Path, required=True, help="its file, made if missing")
    command.add_argument(
        "--asked", nargs="+", required=True, help="for each file: 3, or skin=orc,hair=pink"
    )
    command.set_defaults(run_command=run_judge)

    command = commands.add_parser("card", help="write a model's README.md from its figures")
    command.add_argument("config", type=Path)
    command.add_argument("--model", type=Path, required=True, help="an evaluated folder")
    command.add_argument("--machine", required=True, help="what trained it")
    command.add_argument("--note", default="", help="what the recipe does not tell of it")
    command.set_defaults(run_command=run_card)

    command = commands.add_parser("fixtures", help="write what the engine is tested against")
    command.add_argument("--out", type=Path, required=True, help="folder to write")
    command.add_argument("--shipped", type=Path, help="only of the models in this folder")
    command.add_argument("--preset", help="only this network, too large to commit")
    command.add_argument("--random", type=int, metavar="N", help="only N random configurations")
    command.add_argument("--seed", type=int, default=0, help="of the random configurations")
    command.set_defaults(run_command=run_fixtures)

    command = commands.add_parser("contenders", help="write the networks of the benchmarks")
    command.add_argument("source", type=Path, nargs="+", help="a config.json, or a model's folder")
    command.add_argument("--out", type=Path, required=True, help="folder to write")
    command.set_defaults(run_command=run_contenders)

    arguments = parser.parse_args()
    try:
        arguments.run_command(arguments)
    except (ValueError, OSError) as error:
        # Ours say what to do; a traceback would hide it.
        raise SystemExit(f"reverie_train: {error}") from None


def run_train(arguments: argparse.Namespace) -> None:
    """Trains, and exports at once where a folder is given."""
    started = time.monotonic()
    from accelerate import Accelerator

    from .export import export
    from .loop import train
    from .tasks import build

    config = load_config(arguments.config)
    asked = {
        "images": arguments.images,
        "learning_rate": arguments.learning_rate,
        "batch_size": arguments.batch,
    }
    given = {key: value for key, value in asked.items() if value is not None}
    config = replace(config, training=replace(config.training, **given))
    accelerator = Accelerator(mixed_precision=config.training.mixed_precision)
    task = build(config, arguments.data, accelerator.device)
    resumes = (arguments.run / "checkpoint.pt").exists()
    progress = task.start_from(arguments.origin) if arguments.origin and not resumes else None
    train(
        task,
        config.training,
        arguments.run,
        accelerator,
        progress=progress,
        # What reading the data took is of the budget too.
        minutes=arguments.minutes - (time.monotonic() - started) / 60,
        checkpoint_seconds=arguments.checkpoint_seconds,
    )
    if arguments.out and accelerator.is_main_process:
        print(json.dumps(export(task, arguments.run / "checkpoint.pt", arguments.out)))


def run_queue(arguments: argparse.Namespace) -> None:
    from .parcels import pack
    from .queue import Place, Queue, load_queue

    asked = {"images": arguments.images, "batch": arguments.batch}
    given = {key: value for key, value in asked.items() if value is not None}
    jobs = [replace(job, **given) for job in load_queue(arguments.queue)]
    place = Place(arguments.configs, arguments.data, arguments.runs, arguments.out)
    codes = Queue(jobs, place, arguments.minutes, arguments.spare_seconds).run(arguments.jobs)
    if arguments.parcels:
        names = [job.name for job in jobs if codes[job.name] == 0]
        left_out = pack(arguments.out, names, arguments.parcels, most=6)
        # What was trained but not exported can be exported elsewhere.
        lost = [job.name for job in jobs if codes[job.name] != 0]
        rescued = {"name": "rescued", "kinds": ("averages.pt",)}
        left_out += pack(arguments.runs, lost, arguments.parcels, most=1, **rescued)
        logs = {"name": "logs", "kinds": SHOWN}
        left_out += pack(
            arguments.runs, [job.name for job in jobs], arguments.parcels, most=1, **logs
        )
        print(*(f"found no place: {path}" for path in left_out), sep="\n")
    if failed := [name for name, code in codes.items() if code != 0]:
        raise SystemExit(f"reverie_train: failed: {', '.join(failed)}")


def run_pack(arguments: argparse.Namespace) -> None:
    from .data.figures import Figures

    figures = Figures.open(arguments.data / "LPC")
    print(figures.layers.pack(figures.every_sheet(), arguments.out / "LPC"))


def run_tokenizer(arguments: argparse.Namespace) -> None:
    from .data.figures import Figures
    from .tokenizer import train_tokenizer

    tokenizer = train_tokenizer(Figures.open(arguments.data / "LPC"), arguments.out)
    print(f"{len(tokenizer)} tokens")


def run_export(arguments: argparse.Namespace) -> None:
    from accelerate import Accelerator

    from .export import export
    from .tasks import build

    config = load_config(arguments.config)
    task = build(config, arguments.data, Accelerator().device)
    files = [arguments.run / name for name in ("checkpoint.pt", "averages.pt")]
    source = next((file for file in files if file.exists()), files[0])
    print(json.dumps(export(task, source, arguments.out), indent=2))


def run_evaluate(arguments: argparse.Namespace) -> None:
    from .evaluation.commands import evaluate

    out = arguments.out or arguments.model
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(evaluate(load_config(arguments.config), arguments, out), indent=2)
    print(text)
    (out / "evaluation.json").write_text(text + "\n")


def run_judge(arguments: argparse.Namespace) -> None:
    import torch

    from .evaluation import judge, load_or_train, read_samples
    from .evaluation.agreement import agreement

    config = load_config(arguments.config)
    train = load_dataset(config.data, arguments.data)
    classifier = load_or_train(arguments.classifier, train, config.data.pad)
    samples, labels = read_samples(arguments.files, train.attributes, arguments.asked)
    seen = judge(classifier, samples).labels
    # Which of a sample's attributes are visible is not known here: all that were given count.
    everything = torch.ones_like(labels, dtype=torch.bool)
    print(json.dumps(agreement(seen, labels, everything, train.attributes), indent=2))


def run_card(arguments: argparse.Namespace) -> None:
    from .card import write_card

    write_card(load_config(arguments.config), arguments.model, arguments.machine, arguments.note)


def run_fixtures(arguments: argparse.Namespace) -> None:
    from . import fixtures

    if arguments.shipped:
        fixtures.write_shipped(arguments.shipped, arguments.out)
    elif arguments.preset:
        fixtures.write_unets([fixtures.PRESETS[arguments.preset]], arguments.out)
    elif arguments.random:
        cases = fixtures.random_cases(arguments.random, arguments.seed)
        fixtures.write_unets(cases, arguments.out)
    else:
        fixtures.write_all(arguments.out)


def run_contenders(arguments: argparse.Namespace) -> None:
    from .contenders import write_contenders

    for source in arguments.source:
        print(write_contenders(source, arguments.out))


if __name__ == "__main__":
    main()
