"""Large tables, written as they come."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.files import atomic_path

GROUP_ROWS = 2**16


def write_table(path: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> int:
    """Write tables as one file whose row groups do not depend on how rows come; return rows."""
    waiting: list[pa.Table] = []
    count = rows = 0
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for table in tables:
            waiting.append(table.cast(schema))
            count += len(table)
            while count >= GROUP_ROWS:
                joined = pa.concat_tables(waiting).combine_chunks()
                writer.write_table(joined.slice(0, GROUP_ROWS))
                waiting, count = [joined.slice(GROUP_ROWS)], count - GROUP_ROWS
                rows += GROUP_ROWS
        if count:
            writer.write_table(pa.concat_tables(waiting).combine_chunks())
    return rows + count
