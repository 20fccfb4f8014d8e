"""A source with some of its texts changed and all else as it was, lines of JSON to the byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from ..core.loaded import GivenPart, LoadedDataset
from .given import given_rows

# How JSON is usually written: a line is written again as it was where one of these gives it.
STYLES: tuple[dict[str, Any], ...] = tuple(
    {"ensure_ascii": ascii_only, "separators": separators}
    for separators in ((", ", ": "), (",", ":"))
    for ascii_only in (False, True)
)


def with_changed_texts(
    loaded: LoadedDataset, columns: Sequence[str], change: Callable[[str], str]
) -> LoadedDataset:
    """Return the source with every text of some columns changed, also those inside of lists.

    Parameters
    ----------
    loaded : LoadedDataset
    columns : sequence of str
    change : callable
        From a text to another; what it leaves alone stays as it is written.
    """
    given = given_rows(loaded)
    table = given.table
    for name in columns:
        if name in table.column_names:
            cells = [changed(cell, change) for cell in table.column(name).to_pylist()]
            column = pa.array(cells, table.schema.field(name).type)
            table = table.set_column(table.column_names.index(name), name, column)
    parts = tuple(_with_lines(part, columns, change) for part in given.parts)
    return replace(loaded, given=replace(given, table=table, parts=parts))


def texts_within(cell: Any) -> list[str]:
    """Return all texts in a cell, those in lists and mappings as well."""
    if isinstance(cell, str):
        return [cell]
    if isinstance(cell, Mapping):
        cell = list(cell.values())
    if isinstance(cell, (list, tuple)):
        return [text for each in cell for text in texts_within(each)]
    return []


def changed(cell: Any, change: Callable[[str], str]) -> Any:
    """Return a cell with its texts changed, whatever they lie in."""
    if isinstance(cell, str):
        return change(cell)
    if isinstance(cell, Mapping):
        return {name: changed(each, change) for name, each in cell.items()}
    if isinstance(cell, (list, tuple)):
        return [changed(each, change) for each in cell]
    return cell


def _with_lines(part: GivenPart, columns: Sequence[str], change: Callable[[str], str]) -> GivenPart:
    part = replace(part, broken=None)  # lines that are no rows hold texts that nobody changed
    if part.lines is None:
        return part
    lines = [_line(line, columns, change) for line in part.lines.to_pylist()]
    return replace(part, lines=pa.array(lines, pa.large_binary()))


def _line(line: bytes, columns: Sequence[str], change: Callable[[str], str]) -> bytes:
    row = json.loads(line)
    new = {name: changed(cell, change) if name in columns else cell for name, cell in row.items()}
    if new == row:
        return line
    return json.dumps(new, **_style(row, line)).encode()


def _style(row: Any, line: bytes) -> dict[str, Any]:
    """Return how a line was written, or the first usual way where none gives it."""
    plain = line.strip()
    return next((s for s in STYLES if json.dumps(row, **s).encode() == plain), STYLES[0])
