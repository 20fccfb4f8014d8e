"""What every reader hands over: tables, where their rows came from, and what could not be read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..choice import Choice
from ..class_labels import with_class_names
from ..classes import class_text
from ..issues import Issue
from ..loaded import FilePart, GivenPart
from ..missing import is_missing
from ..split_names import SPLIT_NAMES
from .table_form import TableForm

UNNAMED = ""  # name of a table in memory


@dataclass(frozen=True)
class Part(FilePart):
    """One table of a source.

    Attributes
    ----------
    table : pyarrow.Table
    split : str or None
        ``train``, ``validation`` or ``test`` when the file or key says so.
    numbers : ndarray of int64, shape (n,), or None
        Line or row numbers in the file, from 1; None counts 1, 2, ….
    key : str or None
        The source's own name of that split, such as ``dev``; default `split`.
    """

    table: pa.Table
    split: str | None = None
    numbers: np.ndarray | None = None
    key: str | None = None

    def row_numbers(self) -> np.ndarray:
        """Return the line or row numbers, int64, shape (n,)."""
        return np.arange(1, len(self.table) + 1) if self.numbers is None else self.numbers

    def given(self) -> GivenPart:
        """Return what is remembered of the part beside its rows."""
        return GivenPart(
            rows=len(self.table),
            numbers=self.row_numbers(),
            split=self.key or self.split,
            schema=self.table.schema,
            **{each.name: getattr(self, each.name) for each in fields(FilePart)},
        )


@dataclass
class Source:
    """All parts of a source, with the rows and files that could not even be read.

    ``roles`` holds column roles that the source itself settles (an image folder knows its label),
    ``verified`` says that the images were decoded while reading; ``form`` is what the user says of
    files of delimited text.
    """

    origin: str
    parts: list[Part] = field(default_factory=list)
    bad: list[Issue] = field(default_factory=list)
    choices: dict[str, Choice] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    verified: bool = False
    form: TableForm = field(default_factory=TableForm)

    def extend(self, other: Source) -> None:
        """Take over the parts of another source."""
        self.parts += other.parts
        self.bad += other.bad
        self.choices |= other.choices
        self.roles |= other.roles
        self.verified = self.verified or other.verified


def bad_row(name: str, reason: str) -> Issue:
    """Make the finding for a row or file that is set aside."""
    return Issue(row_id=name, check="quality", score=0.0, detail=reason)


def file_error(error: OSError) -> str:
    """Say in a few words why a file cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return "missing file"
    if isinstance(error, IsADirectoryError):
        return "a folder, not a file"
    return f"unreadable file ({(error.strerror or type(error).__name__).lower()})"


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, cut at 200 characters."""
    return str(error).strip().split("\n")[0][:200]


def split_in_path(path: str) -> str | None:
    """Find the split that a relative path names: ``train-00000.parquet``, ``test/part.csv``, …."""
    for piece in reversed(Path(path).parts):
        found = {
            SPLIT_NAMES[word] for word in re.split(r"[^a-z]+", piece.lower()) if word in SPLIT_NAMES
        }
        if len(found) == 1:
            return found.pop()
    return None


def to_column(values: list[Any]) -> tuple[pa.Array, bool]:
    """Make an Arrow column of Python values; of mixed types, one of text, and say so."""
    try:
        return pa.array(values, from_pandas=True), False
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return pa.array([_as_text(value) for value in values], pa.string()), True


def _as_text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if is_missing(value):
        return None
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return class_text(value)


def table_of(columns: dict[str, list[Any]]) -> tuple[pa.Table, dict[str, Choice]]:
    """Make a table of Python lists, with a note on each column of mixed types."""
    arrays, notes = {}, {}
    for name, values in columns.items():
        arrays[name], mixed = to_column(values)
        if mixed:
            kinds = sorted({type(value).__name__ for value in values if value is not None})
            notes[f"type of {name}"] = Choice("text", f"the column mixes {', '.join(kinds)}")
    return pa.table(arrays), notes


def joined(parts: Sequence[Part]) -> pa.Table:
    """Stack the tables of all parts, with class names instead of codes."""
    return with_class_names(*stacked(parts))


def stacked(parts: Sequence[Part]) -> tuple[pa.Table, dict[str, Any]]:
    """Stack the tables of all parts as they are stored, and return the features they agree on.

    A column whose types disagree becomes text; one whose class codes do, class names.
    """
    features = _shared_features(parts)
    tables = []
    for part in parts:
        own = {name: item for name, item in part.features.items() if name not in features}
        tables.append(with_class_names(part.table, own))
    try:
        return pa.concat_tables(tables, promote_options="permissive"), features
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        named = [with_class_names(table, _held(features, table)) for table in tables]
        return pa.concat_tables(_agreeing(named), promote_options="permissive"), {}


def _shared_features(parts: Sequence[Part]) -> dict[str, Any]:
    names = dict.fromkeys(name for part in parts for name in part.features)
    shared = {}
    for name in names:
        said = [part.features.get(name) for part in parts if name in part.table.column_names]
        if all(feature == said[0] for feature in said):
            shared[name] = said[0]
    return shared


def _held(features: Mapping[str, Any], table: pa.Table) -> dict[str, Any]:
    return {name: item for name, item in features.items() if name in table.column_names}


def _agreeing(tables: list[pa.Table]) -> list[pa.Table]:
    kinds: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for item in table.schema:
            kinds.setdefault(item.name, set()).add(item.type)
    clash = {name for name, types in kinds.items() if len(types) > 1}
    return [
        table.cast(
            pa.schema(
                [
                    item.with_type(pa.string()) if item.name in clash else item
                    for item in table.schema
                ]
            )
        )
        for table in tables
    ]
