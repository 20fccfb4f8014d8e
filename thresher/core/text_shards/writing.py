"""Write a file of texts again, with rows left out and texts changed; all else as it came."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..arrow_kinds import is_string
from ..errors import InputError
from ..files import atomic_path
from ..loading.compression import packing
from .blocks import Block, Change
from .lines import order_mark
from .parquet import text_columns
from .reading import read_blocks
from .records import header_of, json_row
from .shards import TextShard, usual_column

Decide = Callable[[Block], Change]
_ONE_COLUMN = (
    "only in one column of texts can words be changed, and it is {found}; drop rows instead"
)


@dataclass(frozen=True)
class Written:
    """How many rows a file had, and how many of them were changed or left out.

    Attributes
    ----------
    rows, dropped, changed, unreadable : int
    """

    rows: int = 0
    dropped: int = 0
    changed: int = 0
    unreadable: int = 0

    def after(self, block: Block, change: Change) -> Written:
        """Count a block."""
        return Written(
            self.rows + len(block.texts),
            self.dropped + int((change.keep == 0).sum()),
            self.changed + len(change.texts),
            self.unreadable + len(block.bad),
        )


def rewrite_shard(shard: TextShard, target: str | os.PathLike[str], decide: Decide) -> Written:
    """Write a file again, whole or not at all, as it is decided for each block.

    Rows that stay as they are keep their bytes (in Parquet: their values, types and the packing);
    those that could not be read are left out.

    Parameters
    ----------
    shard : TextShard
    target : path-like
        Gets the same kind and packing.
    decide : callable
        From a block, with its records, to a `Change`.

    Raises
    ------
    InputError
        When the file cannot be read, or a text is to be changed that is not in one column of text.
    """
    with atomic_path(target) as temporary:
        if shard.kind == "parquet":
            return _rewrite_parquet(shard, temporary, decide)
        return _rewrite_lines(shard, temporary, decide)


def _rewrite_lines(shard: TextShard, target: Path, decide: Decide) -> Written:
    header, delimiter = b"", ","
    names: list[str] = []
    if shard.kind in ("csv", "tsv"):
        header, names, delimiter = header_of(shard)
    written = Written()
    with _packed(target, packing(shard.path)) as file:
        file.write(order_mark(shard.path) + header)
        for block in read_blocks(shard, whole=True):
            change = decide(block)
            records = [record if isinstance(record, bytes) else b"" for record in block.records]
            for place, text in change.texts.items():
                if change.keep[place]:
                    records[place] = _changed(shard, records[place], text, names, delimiter)
            file.writelines(
                _times(record, int(keep))
                for record, keep in zip(records, change.keep, strict=True)
                if keep
            )
            written = written.after(block, change)
    return written


def _times(record: bytes, times: int) -> bytes:
    """Return a record as often as it is written; the last line of a file may lack its end."""
    if times == 1 or record.endswith(b"\n"):
        return record * times
    return (record + b"\n") * times


def _changed(shard: TextShard, record: bytes, text: str, names: list[str], delimiter: str) -> bytes:
    end = record[len(record.rstrip(b"\r\n")) :]
    if shard.kind == "txt":
        return " ".join(text.splitlines()).encode() + end
    if shard.kind == "jsonl":
        row, _ = json_row(record)
        assert row is not None  # it was read once
        column = _only(shard, list(row))
        if not isinstance(row[column], str):
            raise InputError(_ONE_COLUMN.format(found=type(row[column]).__name__))
        return json.dumps(row | {column: text}, ensure_ascii=False).encode() + end
    cells = next(csv.reader(io.StringIO(record.decode(), newline=""), delimiter=delimiter))
    cells[names.index(_only(shard, names))] = text
    made = io.StringIO(newline="")
    csv.writer(made, delimiter=delimiter, lineterminator=end.decode()).writerow(cells)
    return made.getvalue().encode()


def _only(shard: TextShard, names: list[str]) -> str:
    columns = shard.columns or (usual_column(names),)
    if len(columns) > 1:
        raise InputError(_ONE_COLUMN.format(found=", ".join(columns)))
    return columns[0]


def _rewrite_parquet(shard: TextShard, target: Path, decide: Decide) -> Written:
    schema = pq.read_schema(shard.path)
    written = Written()
    with pq.ParquetWriter(target, schema, compression=_compression(shard.path)) as writer:
        for block in read_blocks(shard, whole=True):
            change = decide(block)
            table = block.records
            assert isinstance(table, pa.Table)  # of a Parquet file
            if change.texts:
                table = _with_texts(shard, table, change.texts)
            table = table.take(pa.array(np.repeat(np.arange(len(table)), change.keep)))
            if len(table):
                writer.write_table(table.cast(schema))
            written = written.after(block, change)
    return written


def _with_texts(shard: TextShard, table: pa.Table, texts: dict[int, str]) -> pa.Table:
    columns = text_columns(shard, table.schema)
    place = table.schema.get_field_index(columns[0])
    item = table.schema.field(place)
    if len(columns) > 1 or not is_string(item.type):
        raise InputError(_ONE_COLUMN.format(found=", ".join(columns)))
    values = table.column(place).to_pylist()
    for at, text in texts.items():
        values[at] = text
    return table.set_column(place, item, pa.array(values, item.type))


def _compression(path: Path) -> str:
    found = pq.read_metadata(path)
    if not found.num_row_groups or not found.num_columns:
        return "snappy"
    return str(found.row_group(0).column(0).compression).lower().replace("uncompressed", "none")


@contextmanager
def _packed(target: Path, kind: str | None) -> Iterator[Any]:
    """Open a file to write; the same content gives the same bytes, so no time is written."""
    if kind == "zst":
        with pa.output_stream(str(target), compression="zstd") as file:
            yield _Stream(file)
        return
    with open(target, "wb") as raw:
        if kind is None:
            yield raw
        elif kind == "gz":
            with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
                yield file
        else:
            with (bz2 if kind == "bz2" else lzma).open(raw, "wb") as file:
                yield file


class _Stream:
    """Gives an Arrow stream the method that files have."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        self._stream.write(data)

    def writelines(self, records: Iterator[bytes]) -> None:
        self._stream.write(b"".join(records))
