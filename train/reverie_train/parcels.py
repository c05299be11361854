"""Folders into a few tar files of limited size, the first ones first."""

import tarfile
from dataclasses import dataclass, field
from pathlib import Path

OVERHEAD = 2048  # of a member: its header, and what its data is rounded up by


@dataclass
class Parcel:
    members: list[Path] = field(default_factory=list)
    size: int = 20 * 512  # a tar file's end is padded to a record of 20 blocks


LIMIT = 15 * 2**20 - 1


def pack(
    root: Path,
    folders: list[str],
    out: Path,
    *,
    most: int,
    limit: int = LIMIT,
    name: str = "models",
    kinds: tuple[str, ...] = ("",),
) -> list[Path]:
    """Writes `out/NAME-1.tar` and so on; returns what found no place.

    There are at most `most` files of `limit` bytes. Of each folder of `root` go the files that end
    in one of `kinds`. A folder stays whole where it fits into one file, which takes as many as fit.
    """
    parcels: list[Parcel] = []
    left_out = []
    for members in units(root, folders, limit, kinds):
        size = sum(file_size(root / member) for member in members)
        open_ones = (parcel for parcel in parcels if parcel.size + size <= limit)
        parcel = next(open_ones, None)
        if parcel is None and len(parcels) < most and Parcel.size + size <= limit:
            parcel = Parcel()
            parcels.append(parcel)
        if parcel is None:
            left_out += members
            continue
        parcel.members += members
        parcel.size += size
    out.mkdir(parents=True, exist_ok=True)
    for number, parcel in enumerate(parcels, 1):
        with tarfile.open(out / f"{name}-{number}.tar", "w") as archive:
            for member in parcel.members:
                archive.add(root / member, arcname=member)
    return left_out


def units(root: Path, folders: list[str], limit: int, kinds: tuple[str, ...]) -> list[list[Path]]:
    """Each folder's files together, or each alone where together they are too many."""
    found = []
    for folder in folders:
        every = sorted(path for path in (root / folder).rglob("*") if path.name.endswith(kinds))
        files = [path.relative_to(root) for path in every if path.is_file()]
        size = sum(file_size(root / file) for file in files)
        found += [files] if Parcel.size + size <= limit else [[file] for file in files]
    return [files for files in found if files]


def file_size(path: Path) -> int:
    """At most what the file takes in a tar file."""
    return path.stat().st_size + OVERHEAD
