"""Checkpoint files: written whole or not at all, and read only by the recipe that wrote them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from .loop import Task


class CheckpointError(ValueError):
    """The checkpoint is missing, damaged or another recipe's; says which and what to do."""


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes beside `path`, then renames: a kill or a full disk leaves the last one intact."""
    partial = path.with_suffix(".partial")
    try:
        torch.save(state, partial)
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        raise CheckpointError(
            f"{path} could not be written ({error}); is the disk full? The last one is intact"
        ) from error
    partial.replace(path)


def load_checkpoint(path: Path, task: Task) -> dict[str, Any]:
    if not path.exists():
        raise CheckpointError(f"{path} is missing: train this model first, or give another --run")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        recipe = state["recipe"]
    except (OSError, RuntimeError, KeyError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{path} is no checkpoint of this trainer ({error}): move it away"
        ) from error
    ours = task.recipe()
    if changed := [key for key in ours if recipe.get(key) != ours[key]]:
        raise CheckpointError(
            f"{path} is of another recipe: {', '.join(changed)} of {task.name!r} differ; "
            "give another --run, or the recipe that it was trained by"
        )
    return state
