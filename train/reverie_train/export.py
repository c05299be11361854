"""Checkpoint to folder: averaged weights, rounded to f16, as the task writes them."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from .checkpoint import load_checkpoint
from .loop import Task
from .progress import Progress


def export(task: Task, checkpoint: Path, folder: Path) -> dict[str, Any]:
    """Writes the model of `checkpoint` to `folder`; returns what `reverie.json` says of it.

    It is written whole beside `folder` first: an export that is cut off leaves the last one intact.
    What else lies in the folder, its card and figures, goes: they speak of other weights.
    """
    progress = load_averages(task, checkpoint)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    facts = {
        "images_seen": progress.images + progress.earlier_images,
        "training_minutes": round((progress.seconds + progress.earlier_seconds) / 60, 1),
    }
    try:
        partial.mkdir(parents=True)
        snapshots = list(checkpoint.with_name("snapshots").glob("*.safetensors"))
        if snapshots:
            snapshots.sort(key=lambda path: int(path.stem))
            task.export_snapshots(snapshots, partial, facts)
        task.export(partial, facts)
        text = json.dumps(facts, indent=2, ensure_ascii=False)
        (partial / "reverie.json").write_text(text + "\n")
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise OSError(f"{folder} could not be written ({error}); the last one is intact") from error
    _replace(folder, partial)
    return facts


def load_averages(task: Task, checkpoint: Path) -> Progress:
    """Gives the task's model the weights to export: the averages, or the best of them."""
    state = load_checkpoint(checkpoint, task)
    model = task.model.cpu()
    model.load_state_dict(state["model"])
    # A file of averages alone has them as its model.
    averages = state["best"] or state["ema"]["shadow_params"] or list(model.parameters())
    with torch.no_grad():
        for parameter, average in zip(model.parameters(), averages, strict=True):
            parameter.copy_(average.half())  # the values that will be read back
    model.eval().requires_grad_(False)
    return Progress(**state["progress"])


def _replace(folder: Path, partial: Path) -> None:
    last = folder.with_name(folder.name + ".last")
    shutil.rmtree(last, ignore_errors=True)
    if folder.exists():
        folder.rename(last)
    partial.rename(folder)
    shutil.rmtree(last, ignore_errors=True)
