"""What a person sees of a row: its text, its numbers, or the file of its image.

It is kept beside the answers, since rows of a log are gone after a while.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core.errors import InputError
from ...core.file_names import image_name
from ...core.files import atomic_path
from .files import read_columns, write_columns

MOST_NUMBERS = 64  # columns; nobody tells the label of a row from more
_TAKEN = ("row_id", "old", "new", "label")


@dataclass(frozen=True)
class Shown:
    """Rows as a person sees them.

    Attributes
    ----------
    cells : dict of str to list of str
        Columns.
    images : list of bytes
        One image file for each row, where there are any that have no file of their own.
    """

    cells: dict[str, list[str]] = field(default_factory=dict)
    images: list[bytes] = field(default_factory=list)


def numbers_shown(columns: dict[str, list[Any]]) -> Shown:
    """Return columns of numbers as cells; none where there are too many to look at."""
    if len(columns) > MOST_NUMBERS:
        return Shown()
    return Shown({name: [_cell(value) for value in values] for name, values in columns.items()})


def _cell(value: Any) -> str:
    return f"{value:.7g}" if isinstance(value, float) else "" if value is None else str(value)


def keep_shown(
    folder: Path,
    wanted: Sequence[str],
    *,
    known: Container[str],
    show: Callable[[Sequence[str]], Shown],
) -> dict[str, list[str]]:
    """Return the columns that are shown of rows, and keep those of rows that are new.

    Parameters
    ----------
    folder : Path
        Of ``shown.csv``, and of ``images``.
    wanted : sequence of str
        Row ids.
    known : collection of str
        Rows of this call.
    show : callable
        Returns those, by their ids, as a person sees them.
    """
    path = folder / "shown.csv"
    kept = {row.pop("row_id"): row for row in read_columns(path, None)}
    new = [row for row in wanted if row not in kept and row in known]
    shown = show(new) if new else Shown()
    cells = {name if name not in _TAKEN else f"{name}_": part for name, part in shown.cells.items()}
    if shown.images:
        cells["image"] = [
            _kept_image(folder / "images", name, data)
            for name, data in zip(new, shown.images, strict=True)
        ]
    for at, row in enumerate(new):
        kept[row] = {name: part[at] for name, part in cells.items()}
    names = list(dict.fromkeys(name for row in kept.values() for name in row))
    if new:
        columns = {name: [row.get(name, "") for row in kept.values()] for name in names}
        write_columns(path, {"row_id": list(kept), **columns})
    return {name: [kept.get(row, {}).get(name, "") for row in wanted] for name in names}


def _kept_image(folder: Path, row: str, data: bytes) -> str:
    name = Path(image_name({"bytes": data, "path": row.replace("/", "_")}, row))
    path, number = folder / name, 1
    while path.exists() and path.read_bytes() != data:
        number += 1  # two ids of which one file name is made
        path = folder / f"{name.stem}-{number}{name.suffix}"
    if not path.exists():
        try:
            with atomic_path(path) as temporary:
                temporary.write_bytes(data)
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}.") from error
    return str(path.relative_to(folder.parent))
