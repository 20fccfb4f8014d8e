"""Files that are either whole or absent: a crash or a full disk never leaves half of one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import InputError
from .leftovers import locked_holder, move_away, sweep


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it there when the block ends without an error.

    The temporary file is flushed to disk before the move, so that after a power cut `path` holds
    the old content or the new one. A folder may be made at the temporary path too; an old folder
    at `path` is replaced. What a killed process left of an earlier attempt is removed.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target)
    with locked_holder(target) as holder:
        temporary = holder / target.name
        yield temporary
        for inside in temporary.rglob("*") if temporary.is_dir() else ():
            _flush(inside)
        _flush(temporary)
        if target.is_dir() and not target.is_symlink():
            move_away(target, holder)
        temporary.replace(target)
        _flush(target.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def walk_files(root: Path, *, skip: Callable[[str], bool] = lambda _: False) -> Iterator[Path]:
    """Yield all files below a folder; symbolic links are followed, loops of them not.

    Pipes, sockets, devices and folders that cannot be listed are left out.

    Parameters
    ----------
    root : Path
    skip : callable
        Tells of a name, without its path, whether that file or folder is left out too.
    """
    return _walk(root, folders_above(root), skip)


def folders_above(root: Path) -> frozenset[str]:
    """Return the folders in which a folder lies, without links: one to them leads back into it."""
    return frozenset(map(str, Path(os.path.realpath(root)).parents))


def _walk(folder: Path, above: frozenset[str], skip: Callable[[str], bool]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if skip(entry.name):
            continue
        if entry.is_dir():
            yield from _walk(Path(entry.path), above | {real}, skip)
        elif entry.is_file():
            yield Path(entry.path)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, atomically; NaN is refused."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read JSON; a missing or damaged file becomes an `InputError` that names it."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid JSON ({error}).") from error
