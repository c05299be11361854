"""What Reverie says of every model, in `reverie.json`: its name, its data, whose work that is."""

from typing import Any

from ..config import Config
from ..data import Dataset


def provenance(config: Config, data: Dataset) -> dict[str, Any]:
    return {
        "name": config.name,
        "description": config.description,
        "value_range": [-1, 1],
        "content": {"pad": config.data.pad},
        "licence": data.licence,
        "credits": data.credits,
        "artists": data.artists,
    }
