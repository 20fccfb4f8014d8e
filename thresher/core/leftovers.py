"""Folders in which a file is written before it takes its place, and what a killed process left.

A process locks the folder that it writes in. The system lets the lock go when the process ends, in
whatever way, so that a folder which can be locked belongs to nobody any more.
"""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = ".lock"  # of a folder in which one process works at a time
_SUFFIX = ".writing"
_REPLACED = "replaced"
_LONGEST_NAME = 100


@contextmanager
def locked_holder(target: Path) -> Iterator[Path]:
    """Make a hidden folder beside `target` for this process alone, and remove it at the end."""
    holder, lock = _make(target)
    try:
        yield holder
    finally:
        _remove(holder, lock)


def move_away(target: Path, holder: Path) -> None:
    """Move an old folder into the holder; it comes back unless a new one takes its place."""
    (holder / _REPLACED).mkdir()
    target.rename(holder / _REPLACED / target.name)


def sweep(target: Path) -> None:
    """Remove what killed processes left beside `target`."""
    for found in target.parent.glob(f"{glob.escape(_prefix(target))}*{_SUFFIX}"):
        _sweep_one(found)


def sweep_below(folder: Path) -> int:
    """Remove all that killed processes left anywhere below a folder; return how many folders."""
    swept = 0
    for found in sorted(folder.rglob(f".*{_SUFFIX}")):
        swept += found.is_dir() and _sweep_one(found)
    return swept


def holds_nothing(folder: Path) -> bool:
    """Tell whether a folder is missing, empty, or holds only what a process at its start leaves.

    One that is killed before it has written anything leaves a lock or a folder to write in, and
    one that works there now has no more at first: `thresher.core.locking.alone_in` tells of it.
    """
    if not folder.exists():
        return True
    return folder.is_dir() and all(
        entry.name == LOCK or (entry.name.startswith(".") and entry.name.endswith(_SUFFIX))
        for entry in folder.iterdir()
    )


def _prefix(target: Path) -> str:
    # Room for the rest of the name within 255 bytes.
    return f".{os.fsdecode(os.fsencode(target.name)[:_LONGEST_NAME])}."


def _make(target: Path) -> tuple[Path, int]:
    while True:
        holder = Path(tempfile.mkdtemp(prefix=_prefix(target), suffix=_SUFFIX, dir=target.parent))
        lock = os.open(holder, os.O_RDONLY)
        _lock(lock, wait=True)
        if holder.exists():
            return holder, lock
        os.close(lock)  # swept between its making and its locking


def _sweep_one(holder: Path) -> bool:
    try:
        lock = os.open(holder, os.O_RDONLY)
    except OSError:
        return False
    if not _lock(lock, wait=False):
        os.close(lock)
        return False
    _remove(holder, lock)
    return True


def _lock(descriptor: int, *, wait: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by another process, or a file system that knows no locks
        return False
    return True


def _remove(holder: Path, lock: int) -> None:
    for old in (holder / _REPLACED).glob("*"):
        if not (holder.parent / old.name).exists():
            old.rename(holder.parent / old.name)
    shutil.rmtree(holder, ignore_errors=True)
    os.close(lock)
