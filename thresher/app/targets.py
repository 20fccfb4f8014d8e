"""Where results may go: never over the data themselves, nor over a folder of other things."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..core.errors import InputError
from .cleaning import undo_folder


def check_target(path: Path | None, *, option: str, data: str = "") -> None:
    """Raise before any work is done where writing to `path` would destroy something.

    Parameters
    ----------
    path : Path or None
        None is nothing to write.
    option : str
        What the user calls it.
    data : str
        The source that is read, which must stay.
    """
    if path is None:
        return
    if path.resolve() in sources(data):
        raise InputError(
            f"{option} {path} would overwrite the data themselves. Give it another name; nothing "
            "was touched."
        )
    ours = undo_folder(path).is_dir() or (path / "manifest.json").is_file()
    if path.is_dir() and any(path.iterdir()) and not ours:
        raise InputError(
            f"{option} {path} is a folder that is not empty. Give it another name; nothing was "
            "touched."
        )
    check_writable(path, option=option)


def check_writable(path: Path, *, option: str) -> None:
    """Raise before any work is done where no file can be made at `path`."""
    folder = path.resolve().parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"{option} {path} cannot be written: {folder} takes no files "
            f"({error.strerror or type(error).__name__}). Nothing was done."
        ) from error


def sources(data: str) -> set[Path]:
    """Return the paths that a source names: one, or those of ``train=a.csv,test=b.csv``."""
    pieces = [data, *(piece.partition("=")[2] for piece in data.split(","))]
    return {Path(piece.strip()).expanduser().resolve() for piece in pieces if piece.strip()}
