"""A folder in which one process works at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import InputError
from .leftovers import LOCK


@contextmanager
def alone_in(folder: Path, *, instead: str) -> Iterator[None]:
    """Make the folder if needed, and keep other processes out of it until the block ends.

    Parameters
    ----------
    folder : Path
    instead : str
        What to give where another process works there, such as ``"another folder"``.

    Raises
    ------
    InputError
        When another process works there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise InputError(
            f"Another process is working in {folder}. Wait for it or give {instead}."
        ) from error
    try:
        yield
    finally:
        lock.release()
