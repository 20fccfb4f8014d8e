"""Rows of JSON Lines, delimited text and plain text, each with the bytes that it is stored in."""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from ..counted import counted
from ..errors import InputError
from ..loading.turns import with_turns_as_text
from .blocks import BadRow
from .lines import read_lines
from .shards import TextShard, check_columns, usual_column

# What a row is: its line, its text, its bytes.
Row = tuple[int, str, bytes]
_LONGEST_CELL = 2**28
_LOOKED_AT = 100
_DELIMITERS = ",;\t|"


def read_text_lines(shard: TextShard) -> Iterator[Row | BadRow]:
    """Yield each line that holds something as one text."""
    for number, line in enumerate(read_lines(shard.path), 1):
        try:
            text = line.decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            yield BadRow(number, _not_utf8(error))
            continue
        if text.strip():
            yield number, text, line


def read_json_rows(shard: TextShard) -> Iterator[Row | BadRow]:
    """Yield the text of the object on each line.

    Raises
    ------
    InputError
        When none of the first hundred objects has the columns.
    """
    columns: Sequence[str] = ()
    last: InputError | None = None
    for number, line in enumerate(read_lines(shard.path), 1):
        if not line.strip():
            continue
        row, reason = json_row(line)
        if row is None:
            yield BadRow(number, reason)
            continue
        if not columns:
            try:
                columns = _columns(shard, row)
            except InputError as error:
                if number >= _LOOKED_AT:
                    raise
                last = error
                yield BadRow(number, str(error))
                continue
        yield number, joined(row, columns), line
    if last is not None and not columns:
        raise last


def _columns(shard: TextShard, row: dict[str, Any]) -> tuple[str, ...]:
    columns = shard.columns or (usual_column(row),)
    check_columns(columns, row)
    return columns


def json_row(line: bytes) -> tuple[dict[str, Any] | None, str]:
    """Return the object on a line, or None and why there is none."""
    try:
        row = json.loads(line.rstrip(b"\r\n").decode())
    except UnicodeDecodeError as error:
        return None, _not_utf8(error)
    except RecursionError:
        return None, "nested too deep"
    except json.JSONDecodeError as error:
        return None, f"broken JSON ({error.msg} at character {error.pos + 1})"
    return (
        (row, "") if isinstance(row, dict) else (None, "not a JSON object; each line must be one")
    )


def joined(row: dict[str, Any], columns: Sequence[str]) -> str:
    """Return the texts of some columns, one after the other."""
    if len(columns) == 1 and isinstance(row.get(columns[0]), str):
        return str(row[columns[0]])
    return "\n".join(as_text(row.get(name), name) for name in columns)


def as_text(value: Any, name: str) -> str:
    """Return a cell as text: what is said in a conversation, the entries of a list, a number."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        table = pa.table({name: pa.array([json.dumps(value)])})
        return str(with_turns_as_text(table)[0][name][0].as_py())
    if isinstance(value, list):
        return "\n".join(as_text(item, name) for item in value)
    return str(value) if isinstance(value, (int, float)) else json.dumps(value)


def read_delimited_rows(shard: TextShard) -> Iterator[Row | BadRow]:
    """Yield the rows of a file of delimited text; its first record names the columns.

    Raises
    ------
    InputError
        When it does not name those that are wanted.
    """
    records = _records(shard)
    header = next(records, None)
    if header is None:
        return
    if isinstance(header, BadRow):
        raise InputError(f"the line of column names cannot be read ({header.reason})")
    names = [name.strip() for name in header[1]]
    columns = shard.columns or (usual_column(names),)
    check_columns(columns, names)
    places = [names.index(name) for name in columns]
    for record in records:
        if isinstance(record, BadRow):
            yield record
        elif len(record[1]) != len(names):
            yield BadRow(
                record[0],
                f"{counted(len(record[1]), 'cell')} for {counted(len(names), 'column')}",
            )
        else:
            yield record[0], "\n".join(record[1][place] for place in places), record[2]


def header_of(shard: TextShard) -> tuple[bytes, list[str], str]:
    """Return the bytes and the names of the record that names the columns, and the delimiter."""
    first = next(_records(shard), None)
    if first is None or isinstance(first, BadRow):
        return b"", [], ","
    return first[2], [name.strip() for name in first[1]], _delimiter(shard, first[2])


def _delimiter(shard: TextShard, line: bytes) -> str:
    if shard.kind == "tsv":
        return "\t"
    counts = [(line.count(mark.encode()), -place) for place, mark in enumerate(_DELIMITERS)]
    return _DELIMITERS[-max(counts)[1]]


class _Lines:
    """Lines of a file for the module `csv`, of which those that a record took can come again."""

    def __init__(self, source: Iterator[bytes], first: bytes) -> None:
        self._source, self._waiting, self.taken = source, deque([first]), list[bytes]()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._source)
        self.taken.append(line)
        return line.decode("utf-8", "surrogateescape")

    def all(self) -> list[bytes]:
        """Return the lines taken since the last call."""
        taken, self.taken = self.taken, []
        return taken

    def first(self) -> list[bytes]:
        """Return the first line taken since the last call; the others come again."""
        self._waiting.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]
        return self.all()


def _records(shard: TextShard) -> Iterator[tuple[int, list[str], bytes] | BadRow]:
    """Yield each record with the line that it begins on, its cells and its bytes.

    A quote that is not closed costs its own line: those below it are read again without it.
    """
    source = read_lines(shard.path)
    first = next(source, None)
    if first is None:
        return
    csv.field_size_limit(_LONGEST_CELL)
    lines = _Lines(source, first)
    reader = csv.reader(lines, delimiter=_delimiter(shard, first), strict=True)
    width, number = 0, 1
    while True:
        try:
            cells, fault = next(reader, None), ""
        except csv.Error as error:
            cells, fault = [], _fault(str(error))
        if cells is None:
            return
        width = width or len(cells)
        if not fault and len(lines.taken) > 1 and len(cells) != width:
            fault = (
                f"{counted(len(cells), 'cell')} for {counted(width, 'column')} in "
                f"{counted(len(lines.taken), 'line')}"
            )
        taken = lines.first() if fault else lines.all()
        if fault:
            yield BadRow(number, fault)
        elif any(
            "\udc80" <= char <= "\udcff" for cell in cells if not cell.isascii() for char in cell
        ):
            yield BadRow(number, "not UTF-8")
        elif cells:
            yield number, cells, b"".join(taken)
        number += len(taken)


def _fault(said: str) -> str:
    if "unexpected end of data" in said:
        said = "a quote that is not closed"
    return f"not a record of delimited text ({said})"


def _not_utf8(error: UnicodeDecodeError) -> str:
    return f"not UTF-8 (byte {error.object[error.start]:#04x} at {error.start})"


READERS: dict[str, Callable[[TextShard], Iterator[Row | BadRow]]] = {
    "jsonl": read_json_rows,
    "csv": read_delimited_rows,
    "tsv": read_delimited_rows,
    "txt": read_text_lines,
}
