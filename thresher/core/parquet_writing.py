"""Parquet files block by block, with nothing spent on what does not pay.

The writer spends no time on dictionaries, statistics and compression of vectors and encoded images,
which gain nothing by them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .arrow_kinds import is_binary, is_list, is_string
from .counted import counted
from .usual_types import as_stored, stored_schema, without_categories


def write_parquet(
    blocks: Iterable[pa.Table],
    path: Path,
    *,
    usual: pa.Schema,
    stored: pa.Schema | None,
    sample: pa.Table,
    rows: int,
) -> None:
    """Write one row group after the other, so that a selection is never in memory twice.

    Parameters
    ----------
    blocks : iterable of pyarrow.Table
        Rows in order.
    path : Path
    usual : pyarrow.Schema
        Types and metadata of the rows.
    stored : pyarrow.Schema or None
        Types that columns had where they came from; see `usual_types.stored_schema`.
    sample : pyarrow.Table
        Some of the rows, by which it is chosen what pays.
    rows : int
        How many there are.
    """
    schema = usual if stored is None else stored_schema(usual, stored)
    plain = without_categories(schema)
    with pq.ParquetWriter(path, plain, **parquet_settings(sample, plain)) as writer:
        for block in blocks:
            writer.write_table(as_stored(_typed(block, usual), schema), row_group_size=len(block))
    written = pq.read_metadata(path).num_rows
    if written != rows:
        raise OSError(f"{path} holds {counted(written, 'row')} after writing {rows}.")


def _typed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Cast the columns that have another type; casting a cut list of nothing fails (pyarrow 26)."""
    columns = [
        column if column.type == item.type else column.cast(item.type)
        for column, item in zip(table.columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def parquet_settings(table: pa.Table, schema: pa.Schema | None = None) -> dict[str, Any]:
    """Choose from a sample of rows what pays per column: nothing for vectors and images.

    `schema` has the types that are written, where they are not those of the table.
    """
    sink = pa.BufferOutputStream()
    pq.ParquetWriter(sink, schema or table.schema).close()
    leaves = pq.ParquetFile(pa.BufferReader(sink.getvalue())).schema
    paths = [leaves.column(i).path for i in range(len(leaves))]
    plain = {name for name in table.column_names if _is_incompressible(table.schema.field(name))}
    scalar = [path for path in paths if path.partition(".")[0] not in plain and "." not in path]
    # Categories are kept in their order, and those that no row has, as the dictionary alone.
    coded = {item.name for item in schema or () if pa.types.is_dictionary(item.type)}
    return {
        "compression": {
            path: "none" if path.partition(".")[0] in plain else "snappy" for path in paths
        },
        "use_dictionary": [
            path for path in scalar if path in coded or _repeats(table.column(path))
        ],
        "write_statistics": [
            path for path in scalar if not is_string(table.schema.field(path).type)
        ],
    }


def _is_incompressible(item: pa.Field) -> bool:
    kind = item.type
    image = pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0
    vector = is_list(kind) and pa.types.is_floating(kind.value_type)
    return image or vector or is_binary(kind) or pa.types.is_floating(kind)


def _repeats(sample: pa.ChunkedArray) -> bool:
    return len(pc.unique(sample)) <= 0.2 * len(sample)
