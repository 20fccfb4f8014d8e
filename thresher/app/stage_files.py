"""What a finished stage wrote, so that a file that was damaged since is noticed.

A checksum costs about a second for each gigabyte; a file of another size is known without one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TypedDict


class WrittenFile(TypedDict):
    """Size in bytes and BLAKE2 checksum of one file."""

    size: int
    blake2b: str


def record_files(folder: Path, *, without: Collection[str]) -> dict[str, WrittenFile]:
    """Return size and checksum of all files below a folder by relative path.

    Parameters
    ----------
    folder : Path
    without : collection of str
        Relative paths to leave out.
    """
    names = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")))
    return {
        name: WrittenFile(size=(folder / name).stat().st_size, blake2b=_checksum(folder / name))
        for name in names
        if name not in without and (folder / name).is_file()
    }


def changed_files(folder: Path, written: Mapping[str, WrittenFile]) -> list[str]:
    """Return the recorded files that are missing or hold something else now; new ones count not."""
    return [name for name, file in written.items() if not _holds(folder / name, file)]


def _holds(path: Path, file: WrittenFile) -> bool:
    try:
        return path.stat().st_size == file["size"] and _checksum(path) == file["blake2b"]
    except OSError:
        return False


def _checksum(path: str | os.PathLike[str]) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
