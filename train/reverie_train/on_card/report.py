"""What came of all parts: `card.json`, every figure, and `card.md`, the tables and ratios."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .figures import read_part

PARTS = ("networks", "parity", "bench", "eager", "compiled")
TYPES = ("f32", "tf32")
KERNELS = 8  # rows of a network's table

Figure = dict[str, Any]


def write(work: Path, out: Path) -> None:
    """Writes both files from whatever the parts have left in `work`."""
    parts = {part: read_part(work, part) for part in PARTS}
    failed = [f"{part}: not run" for part in PARTS if not parts[part]]
    for part, entries in parts.items():
        failed += [f"{part} {name}: {e['failed']}" for name, e in entries.items() if "failed" in e]
    stopped = work / "stopped"
    if stopped.exists():
        failed += stopped.read_text().splitlines()
    everything = parts | {"failed": failed}
    out.mkdir(parents=True, exist_ok=True)
    (out / "card.json").write_text(json.dumps(everything, indent=1) + "\n")
    (out / "card.md").write_text("\n".join(_lines(parts, failed)) + "\n")


def _lines(parts: dict[str, dict[str, Figure]], failed: list[str]) -> Iterator[str]:
    machine = parts["networks"].get("machine", {})
    bench = _passes(parts["bench"], "whole")
    torch = _torch({**parts["eager"], **parts["compiled"]})
    yield ", ".join(f"{key} {value}" for key, value in machine.items())
    for name, report in parts["bench"].items():
        if "roof" in report:
            arithmetic, memory = report["roof"].values()
            yield ""
            roof = f"{arithmetic:.0f} GFLOP/s of multiply-adds, {memory:.0f} GB/s copying"
            yield f"{name} on {report['device']}: {roof}"
    yield from _passes_table(bench, torch, parts["parity"])
    yield from _torch_table(torch)
    yield from _runs_table(parts)
    yield from _kernel_tables(_passes(parts["bench"], "kernels"))
    yield from ["", "## What failed", ""]
    yield from [f"- {line}" for line in failed] or ["Nothing."]


def _passes(bench: dict[str, Figure], kind: str) -> dict[tuple[str, int], Figure]:
    """Each pass of the engine's reports, and the roof that it was measured under."""
    reports = [report for name, report in bench.items() if name.endswith(f"/{kind}")]
    return {
        (each["model"], each["batch"]): each | {"roof": report["roof"]}
        for report in reports
        for each in report.get("passes", [])
    }


def _torch(entries: dict[str, Figure]) -> dict[tuple[str, int], dict[tuple[str, str], Figure]]:
    """For each network and batch, the figures of each type and mode that were measured."""
    found: dict[tuple[str, int], dict[tuple[str, str], Figure]] = {}
    for name, entry in entries.items():
        network, kind, mode, batch = name.split("/")
        if "ms" in entry:
            found.setdefault((network, int(batch)), {})[kind, mode] = entry
    return found


def _best(modes: dict[tuple[str, str], Figure], wanted: str) -> tuple[float, str] | None:
    known = [(figure["ms"], mode) for (kind, mode), figure in modes.items() if kind == wanted]
    return min(known, default=None)


def _cells(ours: float | None, best: tuple[float, str] | None) -> str:
    """The best of PyTorch, its mode, and how many times as long it takes."""
    if best is None:
        return " |  | "
    ratio = f"{best[0] / ours:.2f}" if ours else ""
    return f"{best[0]:.3f} | {best[1]} | {ratio}"


def _passes_table(bench: dict, torch: dict, parity: dict[str, Figure]) -> Iterator[str]:
    yield from ["", "## Passes", ""]
    yield (
        "| network | batch | ms | by its clock | GFLOP/s | of the roof | off by "
        "| PyTorch f32, ms | its mode | over ours | TF32, ms | its mode | over ours |"
    )
    yield "|" + " --- |" * 13
    for key in sorted({*bench, *torch}, key=lambda key: (key[1], key[0])):
        network, batch = key
        ours, modes = bench.get(key), torch.get(key, {})
        ms = ours and ours["ms"]
        cells = " |  |  | " if ours is None else _ours(ours)
        off = parity.get(f"{network}/{batch}", {}).get("off")
        theirs = " | ".join(_cells(ms, _best(modes, kind)) for kind in TYPES)
        yield f"| {network} | {batch} | {cells} | {_number(off, '.1e')} | {theirs} |"


def _ours(ours: Figure) -> str:
    share = f"{100 * ours['share']:.1f}%"
    clock = _number(ours.get("device_ms"), ".3f")
    return f"{ours['ms']:.3f} | {clock} | {ours['gflop_per_second']:.0f} | {share}"


def _torch_table(torch: dict) -> Iterator[str]:
    yield from ["", "## PyTorch, every setting, ms a pass", ""]
    columns = sorted({column for modes in torch.values() for column in modes})
    yield "| network | batch | " + " | ".join(f"{kind} {mode}" for kind, mode in columns) + " |"
    yield "|" + " --- |" * (2 + len(columns))
    for (network, batch), modes in torch.items():
        cells = (_number(modes.get(column, {}).get("ms"), ".3f") for column in columns)
        yield f"| {network} | {batch} | " + " | ".join(cells) + " |"


def _runs_table(parts: dict[str, dict[str, Figure]]) -> Iterator[str]:
    yield from ["", "## The loop of a run, from the first submission to the sample", ""]
    for report in parts["bench"].values():
        for run in report.get("runs", []):
            yield (
                f"- {run['model']}, batch {run['batch']}, {run['steps']} DDIM steps: "
                f"{run['loop_ms']:.2f} ms, {run['loop_ms'] / run['steps']:.3f} a step, "
                f"after a start of {run['start_ms']:.2f} ms (medians of {run['runs']})"
            )
    for name, entry in {**parts["eager"], **parts["compiled"]}.items():
        if "loop_ms" in entry:
            yield f"- PyTorch, the same loop, {name}: {entry['loop_ms']:.2f} ms"


def _kernel_tables(kernels: dict[tuple[str, int], Figure]) -> Iterator[str]:
    for (network, batch), each in kernels.items():
        yield from ["", f"## {network}, batch {batch}: its slowest kernels", ""]
        yield (
            "| kernel | shape | dispatches | ms | by its clock | of all "
            "| GFLOP/s | GB/s | of the roof |"
        )
        yield "|" + " --- |" * 9
        total = sum(part["ms"] for part in each["parts"])
        for part in each["parts"][:KERNELS]:
            yield (
                f"| {part['kernel']} | {part['shape']} | {part['dispatches']} | {part['ms']:.4f} | "
                f"{_number(part.get('device_ms'), '.4f')} | {100 * part['ms'] / total:.0f}% | "
                f"{part['gflop_per_second']:.0f} | {part['gigabytes_per_second']:.0f} | "
                f"{100 * part['share']:.0f}% |"
            )


def _number(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"
