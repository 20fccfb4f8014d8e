"""Image columns of tables, whatever they hold, as ``{bytes, path}`` with the bytes filled in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..arrow_kinds import is_string
from .cells import Reasons, no_reasons
from .files import IMAGE_TYPE, check_images, read_files
from .parts import Source


def clean_images(column: pa.ChunkedArray, found: Source) -> tuple[pa.ChunkedArray, Reasons]:
    """Read what is only a path, decode each image once, and name the bad ones.

    Parameters
    ----------
    column : pyarrow.ChunkedArray, shape (n,)
        Bytes, paths, or ``{bytes, path}``, of the stacked parts.
    found : Source
        The parts, for the folders that their paths start from.
    """
    if found.verified:
        return column, no_reasons(len(column))
    chunks: list[pa.Array] = []
    reasons: list[str | None] = []
    start = 0
    for part in found.parts:
        images, why = _of_part(column.slice(start, len(part.table)), part.folder)
        chunks += images.chunks
        reasons += why
        start += len(part.table)
    return pa.chunked_array(chunks, IMAGE_TYPE), np.array(reasons, object)


def _of_part(
    column: pa.ChunkedArray, folder: Path | None
) -> tuple[pa.ChunkedArray, list[str | None]]:
    if is_string(column.type):
        return read_files(column.cast(pa.string()), folder)
    if not pa.types.is_struct(column.type):
        files = column.cast(pa.binary())
        return _stored(files, _no_paths(column)), check_images(files)
    files = pc.struct_field(column, "bytes").cast(pa.binary())
    if column.type.get_field_index("path") < 0:
        return _stored(files, _no_paths(column)), check_images(files)
    paths = pc.struct_field(column, "path").cast(pa.string())
    if files.null_count == 0:
        return _stored(files, paths), check_images(files)
    return _with_files(files, paths, folder)


def _with_files(
    files: pa.ChunkedArray, paths: pa.ChunkedArray, folder: Path | None
) -> tuple[pa.ChunkedArray, list[str | None]]:
    """Fill in the missing bytes from the paths."""
    embedded = files.is_valid()
    wanted = pc.if_else(embedded, pa.scalar(None, pa.string()), paths)
    read, why_read = read_files(wanted, folder)
    merged = pc.coalesce(files, pc.struct_field(read, "bytes"))
    rows = zip(check_images(files), why_read, embedded.to_pylist(), strict=True)
    return _stored(merged, paths), [checked if here else missing for checked, missing, here in rows]


def _no_paths(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([pa.nulls(len(column), pa.string())])


def _stored(files: pa.ChunkedArray, paths: pa.ChunkedArray) -> pa.ChunkedArray:
    batches = pa.table([files, paths], names=["bytes", "path"]).to_batches()
    fields = list(IMAGE_TYPE)
    chunks = [pa.StructArray.from_arrays(batch.columns, fields=fields) for batch in batches]
    return pa.chunked_array(chunks, IMAGE_TYPE)
