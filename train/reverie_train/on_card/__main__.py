"""`python -m reverie_train.on_card PART`: one part of the measurement; the last is the report."""

import argparse
import math
import time
from pathlib import Path

from . import engine, report
from .figures import Figures

ROOT = Path(__file__).parents[3]
SOURCES = [
    ROOT / "www/models/digits",
    ROOT / "www/models/portraits",
    ROOT / "bench/nets/a.json",
    ROOT / "bench/nets/c.json",
    ROOT / "bench/nets/ddpm-cifar10.json",
]


def main() -> None:
    parser = argparse.ArgumentParser(prog="reverie_train.on_card", description=__doc__)
    parts = ["networks", "warm", "parity", "bench", "eager", "compiled", "report"]
    parser.add_argument("part", choices=parts)
    parser.add_argument("--work", type=Path, required=True, help="folder that all parts share")
    parser.add_argument("--device", default="cuda", help="PyTorch's")
    parser.add_argument("--binary", type=Path, help="the engine's command")
    parser.add_argument("--adapter", default="NVIDIA", help="a word that its adapter's name has")
    parser.add_argument("--batches", default="1,16")
    parser.add_argument("--seconds", type=float, default=1, help="of a timing of the engine")
    parser.add_argument("--warmups", type=int, default=20, help="passes of PyTorch, untimed")
    parser.add_argument("--passes", type=int, default=100, help="passes of PyTorch, timed")
    parser.add_argument(
        "--until", type=float, default=math.inf, help="no timing begins later (Unix time)"
    )
    parser.add_argument("--limit", type=float, default=60, help="seconds of a call of the engine")
    parser.add_argument("--only", default="", help="settings whose name begins so")
    parser.add_argument("--out", type=Path, help="folder of the report")
    run(parser.parse_args())


def run(arguments: argparse.Namespace) -> None:
    part, work = arguments.part, arguments.work
    if part == "report":
        report.write(work, arguments.out)
        return
    begun = time.monotonic()
    name = f"{part}-{arguments.only.replace('/', '-')}" if arguments.only else part
    figures = Figures(work, name, arguments.until)
    batches = [int(batch) for batch in arguments.batches.split(",")]
    nets = [work / "nets" / source.stem for source in SOURCES]
    if part in ("parity", "bench"):
        command = engine.Engine(arguments.binary, arguments.adapter, arguments.limit)
        if part == "parity":
            engine.parity(command, nets, batches, figures)
        else:
            engine.bench(command, nets, batches, arguments.seconds, figures)
    else:
        run_pytorch(arguments, nets, batches, figures)
    print(f"{name}: {len(figures.all)} entries in {time.monotonic() - begun:.1f} s")


def run_pytorch(
    arguments: argparse.Namespace, nets: list[Path], batches: list[int], figures: Figures
) -> None:
    from . import networks, pytorch  # torch takes seconds to load, and the engine's parts need none

    if arguments.part == "networks":
        networks.write(SOURCES, batches, arguments.device, arguments.work / "nets", figures)
        return
    measure = pytorch.Measure(arguments.work, arguments.device, arguments.warmups, arguments.passes)
    if arguments.part == "eager":
        pytorch.time_settings(pytorch.eager(nets, batches), measure, figures)
        return
    settings = [s for s in pytorch.compiled(batches) if s.name.startswith(arguments.only)]
    run_settings = pytorch.warm if arguments.part == "warm" else pytorch.time_settings
    run_settings(settings, measure, figures)


if __name__ == "__main__":
    main()
