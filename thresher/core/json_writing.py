"""Rows as JSON, an object a line: JSON Lines, or a list of them."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from .arrow_kinds import is_binary
from .broken_lines import spliced
from .errors import InputError


def json_rows(table: pa.Table) -> Iterator[bytes]:
    """Yield each row of a table as an object in UTF-8.

    Raises
    ------
    InputError
        For a column of bytes.
    """
    for item in table.schema:
        if _holds_bytes(item.type):
            raise InputError(
                f"A file of JSON cannot hold the column {item.name!r} ({item.type}). Use .parquet."
            )
    for batch in table.to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            yield json.dumps(row, ensure_ascii=False, default=str).encode()


def write_json_rows(
    rows: Iterable[bytes],
    path: Path,
    *,
    as_list: bool,
    order_mark: bool = False,
    broken: Sequence[tuple[int, bytes]] = (),
) -> None:
    """Write rows, and in their places the lines that are none.

    Parameters
    ----------
    rows : iterable of bytes
        Each an object in UTF-8.
    path : Path
    as_list : bool
        Whether the file is one list.
    order_mark : bool
        Whether the file begins with a byte order mark.
    broken : sequence of (int, bytes)
        How many rows come before each line, and what it holds.
    """
    every = spliced(rows, broken) if broken else rows
    with open(path, "wb") as file:
        file.write(codecs.BOM_UTF8 if order_mark else b"")
        if not as_list:
            file.writelines(row + b"\n" for row in every)
            return
        file.write(b"[")
        file.writelines((b",\n" if at else b"\n") + row for at, row in enumerate(every))
        file.write(b"\n]\n")


def _holds_bytes(kind: pa.DataType) -> bool:
    inner = [kind.field(i).type for i in range(kind.num_fields)]
    return is_binary(kind) or any(map(_holds_bytes, inner))
