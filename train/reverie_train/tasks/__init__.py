"""What can be trained: a configuration's `task` names a file here.

Each has `build(config, data_root, device)`, which returns a `loop.Task`, and `TABLES`, the names of
the tables of its own that a configuration may have. They are imported only when they are asked for:
some need libraries that take seconds to load.
"""

from importlib import import_module
from pathlib import Path

import torch

from ..config import Config
from ..loop import Task

TASKS = {
    "autoencoder": "autoencoder",
    "clip": "clip",
    "decoder": "decoder",
    "denoise": "denoise",
    "discriminator": "discriminator",
    "judge": "judge",
    "latent": "latent",
    "prior": "prior",
    "super_resolution": "super_resolution",
}


def build(config: Config, root: Path, device: torch.device) -> Task:
    """The task of `config`, its data read from `root`, its model's random start a function of the
    seed alone."""
    if config.task not in TASKS:
        raise ValueError(f"unknown task {config.task!r}: there are {', '.join(TASKS)}")
    module = import_module(f".{TASKS[config.task]}", __name__)
    if unknown := config.tables.keys() - module.TABLES:
        raise ValueError(f"{config.task} knows nothing of {', '.join(sorted(unknown))}: remove it")
    torch.manual_seed(config.training.seed)
    return module.build(config, Path(root), device)
