"""Tables of answers read back: CSV in every dialect of spreadsheets, JSON Lines, Parquet."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from thresher.core.errors import InputError
from thresher.core.missing import is_missing
from thresher.core.sheet_cells import unescape_cell

from ..tasks import Task
from ..tasks.regression import Regression
from .records import Inbox, mark_of
from .row_files import file_format, read_rows

Rows = list[tuple[int, dict[str, Any]]]


def read_table(inbox: Inbox, path: str | os.PathLike[str]) -> None:
    """Take in the rows of a CSV, JSON Lines or Parquet file with ``row_id`` and ``label``."""
    rows = read_rows(path, needed=("row_id", "label"))
    of_sheet = file_format(path) == "csv"
    if of_sheet:
        rows = [(number, _plain(row)) for number, row in rows]
        _read_decimal_commas(rows, ["seconds", *(["label"] * isinstance(inbox.task, Regression))])
    unit = "row" if file_format(path) == "parquet" else "line"
    for number, row in rows:
        with inbox.at(f"{unit} {number}"):
            inbox.add(
                row["row_id"],
                _label(inbox.task, row),
                annotator=row.get("annotator"),
                seconds=row.get("seconds"),
                time=row["time"] if "log_id" in row else None,
                log_id=row.get("log_id"),
            )


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a sheet without the apostrophes that keep cells from being run."""
    found = {name: unescape_cell(row[name]) for name in row}
    label = row["label"]
    return found | {"label": unescape_cell(label.strip()) if isinstance(label, str) else label}


def _read_decimal_commas(rows: Rows, names: Iterable[str]) -> None:
    """Write decimal commas as points, in the rows, where a column of numbers has them."""
    from thresher.core.loading.decimal_commas import with_decimal_points

    for name in names:
        places = [
            place
            for place, (_, row) in enumerate(rows)
            if isinstance(row.get(name), str) and not (is_missing(row[name]) or mark_of(row[name]))
        ]
        texts = pa.table({name: pa.array([rows[place][1][name] for place in places], pa.string())})
        plain, _ = with_decimal_points(texts)
        for place, text in zip(places, plain.column(name).to_pylist(), strict=True):
            rows[place][1][name] = text


def _label(task: Task, row: Mapping[str, Any]) -> Any:
    """Return the label or the mark of a row, None where it was left empty.

    In exported answers, told by their column ``log_id``, the column ``kind`` decides; elsewhere a
    class that is called ``skip`` or ``undo`` is that class.
    """
    cell = row["label"]
    if not is_missing(row.get("log_id")):
        return _label_of_kind(task, cell, row.get("kind"))
    if is_missing(cell):
        return None
    if cell not in task.classes and mark_of(cell):
        return mark_of(cell)
    return task.parse(cell) if isinstance(cell, str) else cell


def _label_of_kind(task: Task, cell: Any, kind: Any) -> Any:
    mark = mark_of(kind)
    if mark is None and kind != "label":
        raise InputError(f"`kind` must be label, skip or undo, got {kind!r:.60}.")
    if mark is None:
        parsed = task.parse(cell) if isinstance(cell, str) else cell
        return None if is_missing(cell) else parsed
    if not is_missing(cell) and mark_of(cell) is not mark:
        raise InputError(
            f"`kind` is {mark.value!r}, but the label is {cell!r:.60}. Empty one of them."
        )
    return mark
