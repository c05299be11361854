"""The layers that characters are composed of: one standing frame of every sheet.

They come from a checkout of the sheets, or from one file packed of it for a machine that has none.
"""

import re
import zipfile
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from .types import DataError

SOURCE = "https://github.com/jrconway3/Universal-LPC-spritesheet"
PACKED = "layers.npz"
# Row 10 of the 64x64 frames is the walk towards the viewer, and its first frame stands still. All
# but a few pixels of every figure lie in the frame's middle half.
FRAME = (16, 640, 48, 704)
HEIGHT, WIDTH = 64, 32


class Layers:
    """Each sheet's frame by the sheet's path: u8 [64, 32, 4], RGBA."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise DataError(f"{root} is missing: clone {SOURCE} there, or give another --data")
        self.root = root
        self._read: dict[str, np.ndarray] = {}

    @cached_property
    def _packed(self) -> dict[str, np.ndarray] | None:
        path = self.root / PACKED
        if not path.exists():
            return None
        try:
            with np.load(path) as packed:
                return {name: packed[name] for name in ("paths", "layers", "artists")}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise DataError(f"{path}: {error}; pack it again") from error

    @cached_property
    def _packed_row(self) -> dict[str, int]:
        return {path: row for row, path in enumerate(self._packed["paths"].tolist())}

    def __getitem__(self, path: str) -> np.ndarray:
        if path not in self._read:
            self._read[path] = self._frame(path)
        return self._read[path]

    def _frame(self, path: str) -> np.ndarray:
        if self._packed:
            if path not in self._packed_row:
                raise DataError(f"{self.root / PACKED} lacks {path}: pack it again")
            return self._packed["layers"][self._packed_row[path]]
        try:
            with Image.open(self.root / path) as sheet:
                return np.asarray(sheet.convert("RGBA").crop(FRAME))
        except (OSError, UnidentifiedImageError) as error:
            raise DataError(
                f"{self.root / path}: {error}; the checkout of {SOURCE} is incomplete"
            ) from error

    def artists(self) -> list[str]:
        """The names in AUTHORS.txt: each is a line of its own, underlined."""
        if self._packed:
            return self._packed["artists"].tolist()
        path = self.root / "AUTHORS.txt"
        try:
            text = path.read_text("utf-8-sig", errors="replace")
        except OSError as error:
            raise DataError(f"{path}: {error}; the checkout is incomplete") from error
        return list(dict.fromkeys(re.findall(r"^(\S.*?)\s*\n-{3,}\s*$", text, re.MULTILINE)))

    def pack(self, paths: Iterable[str], folder: Path) -> Path:
        """Writes these layers and the artists' names to one file in `folder`."""
        paths = sorted(set(paths))
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            folder / PACKED,
            paths=np.array(paths),
            layers=np.stack([self[path] for path in paths]),
            artists=np.array(self.artists()),
        )
        return folder / PACKED
