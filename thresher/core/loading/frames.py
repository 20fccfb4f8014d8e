"""Tables in memory: data frames of pandas and polars, Arrow tables, lists of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ..choice import Choice
from ..classes import class_text
from ..counted import counted
from ..errors import InputError
from .json_files import HALF, holds_half
from .parts import table_of


class HalfCharacters(InputError):  # noqa: N818 — reads as the finding it is
    """Rows hold half of a character; `positions` says which of the `rows` do."""

    def __init__(self, positions: list[int], *, rows: int) -> None:
        super().__init__(
            f"{counted(len(positions), 'row holds', 'rows hold')} {HALF}, the first at position(s) "
            f"{', '.join(map(str, positions[:5]))}. Drop them, or write the text with "
            "errors='replace'."
        )
        self.positions, self.rows = positions, rows


def is_frame(data: Any) -> bool:
    """Tell whether `read_frame` reads it: a table of some kind, but no dataset."""
    return is_pandas(data) or is_arrow(data) or is_records(data)


def is_pandas(data: Any) -> bool:
    """Tell whether it is a pandas DataFrame, or one that behaves like it."""
    return hasattr(data, "iloc") and hasattr(data, "columns") and hasattr(data, "dtypes")


def is_arrow(data: Any) -> bool:
    """Tell whether it is an Arrow table, or hands one over as polars and others do."""
    if is_pandas(data) or hasattr(data, "features"):
        return False
    tables = (pa.Table, pa.RecordBatch, pa.RecordBatchReader)
    # A column hands over a stream too, but has no columns.
    return isinstance(data, tables) or (
        hasattr(data, "__arrow_c_stream__") and hasattr(data, "columns")
    )


def is_records(data: Any) -> bool:
    """Tell whether it is a list of rows, each a mapping of columns to values."""
    return isinstance(data, list) and bool(data) and all(isinstance(row, Mapping) for row in data)


def read_frame(data: Any) -> tuple[pa.Table, dict[str, Choice]]:
    """Return the rows as an Arrow table, and a note on each column of mixed types.

    Categories become their values, and views of text plain text: who gets rows back gets their own.

    Raises
    ------
    InputError
        When column names repeat, a value has no type that Arrow knows, or texts hold half a
        character.
    """
    if is_pandas(data) or is_records(data):
        try:
            return _read_pandas(data) if is_pandas(data) else _read_records(data)
        except UnicodeEncodeError as error:  # Arrow holds whole characters only
            raise HalfCharacters(_rows_with_halves(data), rows=len(data)) from error
    try:
        table = pa.table(data)
    except (pa.ArrowException, TypeError) as error:
        raise InputError(
            f"The {type(data).__name__} cannot be read as a table ({error}). Collect or convert it "
            "first."
        ) from error
    _check_names(table.column_names)
    return plain_table(table), {}


def taken_rows(data: Any, positions: np.ndarray) -> Any:
    """Return some rows of a pandas DataFrame or of a list of rows."""
    if is_pandas(data):
        return data.iloc[positions]
    return [data[place] for place in positions.tolist()]


def _rows_with_halves(data: Any) -> list[int]:
    rows = data.astype(object).to_dict("records") if is_pandas(data) else data
    return [place for place, row in enumerate(rows) if holds_half(dict(row))]


def _read_records(data: Sequence[Mapping[Any, Any]]) -> tuple[pa.Table, dict[str, Choice]]:
    names = dict.fromkeys(str(name) for row in data for name in row)
    return table_of({name: [row.get(name) for row in data] for name in names})


def _read_pandas(frame: Any) -> tuple[pa.Table, dict[str, Choice]]:
    names = [str(name) for name in frame.columns]
    _check_names(names)
    columns = {name: _values(frame.iloc[:, place]) for place, name in enumerate(names)}
    table, notes = table_of(columns)
    return plain_table(table), notes


def _values(series: Any) -> Any:
    """Return a column; categories as their values, intervals and periods as text."""
    kind = str(series.dtype)
    if kind == "category":
        return _values(series.astype(series.cat.categories.dtype))
    if kind.startswith(("interval", "period")):
        return [class_text(value) or None for value in series]
    if kind.startswith("Sparse"):
        return np.asarray(series)
    return series


def _check_names(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"The table has several columns of the same name: {', '.join(map(repr, twice))}."
        )


def plain_table(table: pa.Table) -> pa.Table:
    """Return the table with dictionaries as their values and views as plain text or bytes."""
    for place, item in enumerate(table.schema):
        kind = item.type.value_type if pa.types.is_dictionary(item.type) else item.type
        if pa.types.is_string_view(kind):
            kind = pa.large_string()
        if pa.types.is_binary_view(kind):
            kind = pa.large_binary()
        if kind != item.type:
            column = table.column(place)
            if pa.types.is_dictionary(item.type):
                parts = [part.dictionary.cast(kind).take(part.indices) for part in column.chunks]
                column = pa.chunked_array(parts, kind)
            table = table.set_column(place, item.name, column.cast(kind))
    return table.replace_schema_metadata(None)
