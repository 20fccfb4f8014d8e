"""Where results may go: never over the data themselves, nor over a folder of other things."""

from __future__ import annotations

import glob
import tempfile
from pathlib import Path

from ..core.errors import InputError
from ..core.leftovers import holds_nothing
from ..core.packing import name_parts, with_stem
from ..core.split_names import SPLIT_NAMES
from .clean_places import undo_folder


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
    for target in (path, *_split_files(path)):
        if _is_of(target, data):
            raise InputError(
                f"{option} {path} would overwrite the data themselves ({target}). Give it another "
                "name; nothing was touched."
            )
    ours = undo_folder(path).is_dir() or (path / "manifest.json").is_file()
    if path.is_dir() and not ours and not holds_nothing(path):
        raise InputError(
            f"{option} {path} is a folder that is not empty. Give it another name; nothing was "
            "touched."
        )
    check_writable(path, option=option)


def check_spares(path: Path, *, option: str, decisions: Path) -> None:
    """Raise where clean data written to `path` would replace the decisions that they rest on."""
    target, kept = path.resolve(), decisions.resolve()
    if target == kept or target in kept.parents:
        raise InputError(
            f"{option} {path} would overwrite the decisions in {decisions}. Give it another name; "
            "nothing was touched."
        )


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
    """Return the paths that a source names: one, those of ``train=a.csv,test=b.csv``, a pattern's.

    A path stands for itself and, where it is a folder, for all that it holds.
    """
    pieces = [data, *(piece.partition("=")[2] for piece in data.split(","))]
    named = [str(Path(piece.strip()).expanduser()) for piece in pieces if piece.strip()]
    found = [path for name in named if glob.has_magic(name) for path in _matches(name)]
    return {Path(name).resolve() for name in (*named, *found)}


def _matches(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 — absolute patterns too


def _is_of(path: Path, data: str) -> bool:
    """Tell whether writing `path` would change a file or folder that is read."""
    target, read = path.resolve(), sources(data)
    return target in read or (target.exists() and not read.isdisjoint(target.parents))


def _split_files(path: Path) -> list[Path]:
    """Return the files that several splits would be written to in the place of one."""
    if not path.suffix:
        return []
    return [with_stem(path, f"{name_parts(path)[0]}-{name}") for name in SPLIT_NAMES]
