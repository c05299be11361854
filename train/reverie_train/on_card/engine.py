"""The engine's side: its command held to PyTorch's outputs, then `reverie bench`."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from .figures import Figures, check_parity

# The network of which whole runs are timed, and their steps.
RUN, STEPS = "digits", 50


@dataclass(frozen=True)
class Engine:
    """The command on Vulkan; what it prints must name the adapter that was meant."""

    binary: Path
    adapter: str
    limit: float  # seconds of one call

    def call(self, *arguments: object) -> str:
        command = [str(self.binary), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=self.limit)
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[-400:])
        if self.adapter not in done.stdout or "(vulkan)" not in done.stdout:
            raise RuntimeError(f"not on {self.adapter} by Vulkan: {done.stdout.strip()[-200:]}")
        return done.stdout


def parity(engine: Engine, nets: list[Path], batches: list[int], figures: Figures) -> None:
    """How far each output is off PyTorch's, as a share of the largest value."""
    for folder in nets:
        for batch in batches:
            figures.put(f"{folder.name}/{batch}", lambda f=folder, b=batch: _off(engine, f, b))


def _off(engine: Engine, folder: Path, batch: int) -> dict[str, Any]:
    golden = folder / f"golden-{batch}.safetensors"
    made = folder / f"made-{batch}.safetensors"
    printed = engine.call("unet", "--model", folder, "--input", golden, "--output", made)
    wanted, found = load_file(golden)["output"], load_file(made)["sample"]
    off = float(np.abs(found - wanted).max() / np.abs(wanted).max())
    return {"off": off, "printed": printed.strip().splitlines()[-1].split(" in ")[-1]}


def bench(
    engine: Engine, nets: list[Path], batches: list[int], seconds: float, figures: Figures
) -> None:
    """Whole passes of every network first, then each one's kernels in a tenth of the seconds."""
    for folder in nets:
        runs = ["--steps", STEPS] if folder.name == RUN else []
        arguments = ["--seconds", seconds, "--whole", *runs]
        figures.put(
            f"{folder.name}/whole",
            lambda f=folder, a=arguments: _report(engine, f, batches, a),
        )
    for folder in nets:
        arguments = ["--seconds", seconds / 10]
        figures.put(
            f"{folder.name}/kernels",
            lambda f=folder, a=arguments: _report(engine, f, batches, a),
        )


def _report(
    engine: Engine, folder: Path, batches: list[int], arguments: list[object]
) -> dict[str, Any]:
    for batch in batches:
        check_parity(folder.parent.parent, folder.name, batch)
    file = folder / "bench.json"
    listed = ",".join(map(str, batches))
    engine.call("bench", "--model", folder, "--batch", listed, "--output", file, *arguments)
    return json.loads(file.read_text())
