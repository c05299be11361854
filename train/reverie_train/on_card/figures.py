"""Where a part's figures go, and how long it may take for them."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Of the largest value: what is off by more is not timed.
TOLERANCE = 1e-4


class Figures:
    """Figures by name, written as soon as each is there: a part that is stopped loses nothing.

    One that cannot be had is an entry that says why, and the next is measured all the same.
    """

    def __init__(self, work: Path, part: str, until: float) -> None:
        self.file = work / f"{part}.json"
        self.until = until
        self.all: dict[str, Any] = {}

    def put(self, name: str, measure: Callable[[], dict[str, Any]]) -> None:
        if time.time() > self.until:
            value = {"failed": "left out: the time was up"}
        else:
            try:
                value = measure()
            except Exception as error:  # whatever it is: it is named in the report
                value = {"failed": f"{type(error).__name__}: {error}"[:600]}
        self.all[name] = value
        self.file.write_text(json.dumps(self.all))


def read_part(work: Path, part: str) -> dict[str, Any]:
    """What a part came to; nothing where it was not run."""
    file = work / f"{part}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def check_parity(work: Path, network: str, batch: int) -> None:
    """Raises ValueError unless the engine's output was PyTorch's."""
    off = read_part(work, "parity").get(f"{network}/{batch}", {}).get("off")
    if off is None or not off <= TOLERANCE:
        raise ValueError(f"left out: parity was not shown (off by {off})")
