"""Where clean data and the way back from them lie."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..core.errors import InputError
from ..core.files import read_json
from ..core.split_writing import split_paths
from .given import digest

HEADER = "undo.json"


def undo_folder(clean: Path) -> Path:
    """Return where the way back from clean data is kept."""
    return clean.with_name(clean.name + ".undo")


def read_back(out: Path, written: dict[str, Path], *, kind: str) -> dict[str, Path]:
    """Return what is read to take clean data back: an image folder whole, else split by split."""
    return {"": out} if kind == "imagefolder" else written


def places_of_clean(clean: Path, header: dict[str, Any]) -> dict[str, Path]:
    """Return where each split was written; data in one table have the name of an empty text."""
    names, kind = [layout["name"] for layout in header.get("layouts", [])], header["format"]
    written = split_paths(clean, names, format=kind) if names else {"": clean}
    return read_back(clean, written, kind=kind)


def untouched(clean: Path) -> list[Path]:
    """Return what an earlier call wrote here, where nobody has changed it since; else nothing."""
    try:
        header = read_json(undo_folder(clean) / HEADER)
        places = list(places_of_clean(clean, header).values())
        same = all(path.exists() for path in places) and header["clean"] == digest(*places)
    except (InputError, KeyError, TypeError, OSError):
        return []
    return places if same else []


def remove_stale(before: Iterable[Path], written: Iterable[Path]) -> None:
    """Remove what an earlier call wrote and this one did not, such as a split that is no more."""
    now = {path.resolve() for path in written}
    for path in before:
        place = path.resolve()
        if place in now or any(place in each.parents or each in place.parents for each in now):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
