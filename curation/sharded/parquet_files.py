"""Parquet files as shards: reading a column of all of them, and applying decisions to each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.errors import InputError, check_column
from thresher.core.files import atomic_path
from thresher.core.manifest import Manifest
from thresher.core.progress import track
from thresher.core.schema import ROW_ID

Paths = Sequence[str | os.PathLike[str]]


def read_shard_column(sources: Paths, name: str) -> np.ndarray:
    """Return one column of all files as texts, ndarray of str (n,); empty where it is null.

    Raises
    ------
    InputError
        When a file has no such column or cannot be read.
    """
    parts = [np.empty(0, str)]
    for path in sources:
        check_column(name, parquet_schema(path).names)
        column = pq.read_table(path, columns=[name])[name]
        parts.append(np.array(column.cast(pa.string()).fill_null("").to_pylist(), str))
    return np.concatenate(parts)


def parquet_schema(path: str | os.PathLike[str]) -> pa.Schema:
    """Return the columns of a Parquet file; an `InputError` names a file that is none."""
    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} cannot be read as a Parquet file ({error}).") from error


def apply_to_shards(
    manifest: Manifest,
    sources: Paths,
    folder: str | os.PathLike[str],
    *,
    label: str | None = None,
) -> list[Path]:
    """Write each file again as the manifest decided, one at a time.

    Parameters
    ----------
    manifest : Manifest
        Of the rows of all files, in order.
    sources : sequence of path
        The files that were curated.
    folder : path
        Gets a file of the same name for each; an existing one is replaced.
    label : str, optional
        The label column; needed only when rows are relabeled.

    Raises
    ------
    InputError
        When two files have the same name, or the rows are not those of the manifest.
    """
    paths = [Path(source) for source in sources]
    targets = clean_paths(paths, folder)
    rows = [pq.read_metadata(path).num_rows for path in paths]
    if sum(rows) != len(manifest):
        raise InputError(f"The files hold {sum(rows)} rows, the manifest {len(manifest)}.")
    start = 0
    for at, path in enumerate(track(paths, description="write clean files")):
        part = Manifest(manifest.table.slice(start, rows[at]), manifest.header)
        with atomic_path(targets[at]) as temporary:
            pq.write_table(_applied(part, pq.read_table(path), label), temporary)
        start += rows[at]
    return targets


def clean_paths(sources: Paths, folder: str | os.PathLike[str]) -> list[Path]:
    """Return where `apply_to_shards` writes; refuse names that repeat or replace a source."""
    paths = [Path(source) for source in sources]
    targets = [Path(folder) / path.name for path in paths]
    if len(set(targets)) < len(targets):
        raise InputError("Two of the files have the same name; clean them into two folders.")
    if {path.resolve() for path in paths} & {target.resolve() for target in targets}:
        raise InputError("The clean files would replace the sources: give another folder.")
    return targets


def _applied(part: Manifest, table: pa.Table, label: str | None) -> pa.Table:
    import datasets

    named = ROW_ID in table.column_names
    if not named:
        table = table.append_column(ROW_ID, part.table["row_id"])
    data = datasets.Dataset(datasets.table.InMemoryTable(table))
    result = part.apply(data, label=label).dataset.data.table
    return result if named else result.drop_columns([ROW_ID])
