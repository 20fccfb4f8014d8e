"""What a table beside images says of each: ``metadata.csv`` as the Hugging Face Hub lays it out.

A column ``file_name`` holds paths that start from the table's own folder; the others describe the
image. A table of another name counts where there is none of these and it names the images too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ..arrow_kinds import is_string
from ..choice import Choice
from ..columns import strings
from ..counted import counted
from ..errors import InputError
from ..schema import ROW_ID
from .column_names import FILE_NAMES
from .parts import Part, Source, bad_row, joined
from .tables import is_table, read_table

OWN_NAME = "metadata"
TAKEN = (ROW_ID, "image")
ENOUGH = 0.5  # share of the rows of a table of any name that must name an image


@dataclass(frozen=True)
class Metadata:
    """Columns that describe images, and which of their rows each image has.

    Attributes
    ----------
    table : pyarrow.Table
    row_of : dict of str to int
        By the path of the image, relative to the folder.
    files : frozenset of str
        The paths of the tables themselves.
    """

    table: pa.Table
    row_of: dict[str, int]
    files: frozenset[str]

    def of(self, paths: Iterable[str]) -> pa.Table:
        """Return one row for each image, null where the tables do not name it."""
        return self.table.take(pa.array([self.row_of.get(path) for path in paths], pa.int64()))


def read_metadata(
    root: Path, paths: list[str], source: Source, *, any_name: bool
) -> Metadata | None:
    """Read the tables that describe the images of a folder; None where there are none.

    Parameters
    ----------
    root : Path
    paths : list of str
        All files below it, relative.
    source : Source
        Takes what could not be read, and which table was found.
    any_name : bool
        Whether a table of another name may describe the images too.
    """
    tables = [path for path in paths if is_table(Path(path))]
    named = [path for path in tables if Path(path).name.lower().startswith(f"{OWN_NAME}.")]
    if not named and any_name:
        named = [path for path in tables if _names_images(root, path, paths)][:1]
    if not named:
        return None
    images = [path for path in paths if path not in named]
    row_of: dict[str, int] = {}
    parts, start = [], 0
    for path in named:
        for part in _read(root, path, source).parts:
            column = _file_column(part, path, required=True)
            _place_rows(part, path, column, images, start=start, row_of=row_of, source=source)
            parts.append(_without(part, column))
            start += len(part.table)
    reason = f"names {len(row_of):,} of {counted(len(images), 'file')}"
    source.choices["metadata"] = Choice(", ".join(named), reason)
    return Metadata(joined(parts), row_of, frozenset(named)) if parts else None


def _read(root: Path, path: str, source: Source) -> Source:
    found = read_table(root / path, name=path, form=source.form)
    source.bad += found.bad
    source.choices |= found.choices
    return found


def _names_images(root: Path, path: str, paths: list[str]) -> bool:
    found = read_table(root / path, name=path)
    if len(found.parts) != 1 or not len(found.parts[0].table):
        return False
    column = _file_column(found.parts[0], path, required=False)
    if column is None:
        return False
    known = _Paths(Path(path).parent.as_posix(), paths)
    named = [known.find(name) for name in strings(found.parts[0].table.column(column))]
    return sum(place is not None for place in named) >= ENOUGH * len(named)


def _file_column(part: Part, path: str, *, required: bool) -> str | None:
    lower = {name.strip().lower(): name for name in reversed(part.table.column_names)}
    found = next((lower[name] for name in FILE_NAMES if name in lower), None)
    if found is None and required:
        raise InputError(
            f"{path} has no column 'file_name', so that it is not known which image each of its "
            f"rows describes. It has {', '.join(part.table.column_names)}."
        )
    return found


class _Paths:
    """The files of a folder, found by the names that a table in `folder` uses for them."""

    def __init__(self, folder: str, paths: list[str]) -> None:
        self.prefix = "" if folder == "." else folder + "/"
        self.paths = set(paths)
        short: dict[str, set[str]] = {}
        for path in map(Path, paths):
            for name in (path.with_suffix("").as_posix(), path.name, path.stem):
                short.setdefault(name, set()).add(path.as_posix())
        self.only = {name: next(iter(found)) for name, found in short.items() if len(found) == 1}

    def find(self, name: str) -> str | None:
        """Return the one file of this name; its folders and its suffix may be left out."""
        plain = name.strip().replace("\\", "/").removeprefix("./")
        place = self.prefix + plain
        return place if place in self.paths else self.only.get(place, self.only.get(plain))


def _place_rows(
    part: Part,
    path: str,
    column: str | None,
    images: list[str],
    *,
    start: int,
    row_of: dict[str, int],
    source: Source,
) -> None:
    """Write down which row each image has; a row without an image, or a second one, is named."""
    assert column is not None  # it was required
    known = _Paths(Path(path).parent.as_posix(), images)
    kind = part.table.schema.field(column).type
    if not is_string(kind) and not pa.types.is_integer(kind):
        raise InputError(f"The column {column!r} of {path} holds {kind}, no names of files.")
    numbers = np.arange(1, len(part.table) + 1) if part.numbers is None else part.numbers
    for row, name in enumerate(strings(part.table.column(column)).tolist()):
        place, where = known.find(name), f"{path}, row {numbers[row]}"
        if place is None:
            source.bad.append(bad_row(name or where, f"missing file ({where})"))
        elif place in row_of:
            source.bad.append(bad_row(f"{path}:{numbers[row]}", f"names {place} a second time"))
        else:
            row_of[place] = start + row


def _without(part: Part, column: str | None) -> Part:
    """Leave the names of the files out, and tell columns apart from those of the images."""
    table = part.table.drop_columns([column])
    names = [f"{OWN_NAME}_{name}" if name in TAKEN else name for name in table.column_names]
    return Part(part.name, table.rename_columns(names), features=part.features)
