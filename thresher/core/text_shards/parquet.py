"""Parquet files in batches, of which the texts are taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..arrow_kinds import is_string
from ..loading.turns import with_turns_as_text
from .records import as_text
from .shards import TextShard, check_columns, usual_column

BATCH_ROWS = 512


def text_columns(shard: TextShard, schema: pa.Schema) -> tuple[str, ...]:
    """Return the columns that are read; an `InputError` says why there are none."""
    texts = [item.name for item in schema if is_string(item.type)]
    others = [item.name for item in schema if pa.types.is_nested(item.type)]
    columns = shard.columns or (usual_column([*texts, *others]),)
    check_columns(columns, schema.names)
    return columns


def read_batches(shard: TextShard, *, whole: bool) -> Iterator[tuple[list[str], pa.RecordBatch]]:
    """Yield the texts of some rows, and these rows: all columns, or only those of the texts."""
    with pq.ParquetFile(shard.path, pre_buffer=False) as file:
        columns = text_columns(shard, file.schema_arrow)
        wanted = None if whole else list(dict.fromkeys(columns))
        for batch in file.iter_batches(BATCH_ROWS, columns=wanted, use_threads=False):
            yield _texts(batch, columns), batch


def _texts(batch: pa.RecordBatch, columns: Sequence[str]) -> list[str]:
    table = with_turns_as_text(pa.table(batch).select(list(dict.fromkeys(columns))))[0]
    parts = [_strings(table[name], name) for name in columns]
    if len(parts) == 1:
        return parts[0]
    return ["\n".join(row) for row in zip(*parts, strict=True)]


def _strings(column: pa.ChunkedArray, name: str) -> list[str]:
    if is_string(column.type):
        values: list[Any] = pc.fill_null(column, "").to_pylist()
        return values
    return [as_text(value, name) for value in column.to_pylist()]
