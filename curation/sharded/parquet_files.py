"""Parquet files as shards: reading a column of all of them, and applying decisions to each."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_column
from thresher.core.files import atomic_path
from thresher.core.manifest import Manifest
from thresher.core.manifest_parts import ManifestParts
from thresher.core.progress import track
from thresher.core.schema import ROW_ID
from thresher.core.text_arrays import text_array
from thresher.core.urls import Place, Url, below, place, places, put_if_absent, resolved

from .arrays import stamp_of

READ_ROWS = 1 << 20
Paths = Sequence[str | os.PathLike[str]]


@dataclass(frozen=True)
class ShardColumn:
    """A column of Parquet files as texts, read a range of rows at a time; empty where it is null.

    Attributes
    ----------
    paths : tuple of Path or Url
    name : str
    starts : tuple of int
        First row of each file, and n.

    Examples
    --------
    >>> import pyarrow as pa, pyarrow.parquet as pq
    >>> from curation.sharded import ShardColumn
    >>> pq.write_table(pa.table({"stars": [5, None, 4]}), "reviews.parquet")
    >>> ShardColumn.open(["reviews.parquet"], "stars").read(1, 3).tolist()
    ['', '4']
    """

    paths: tuple[Place, ...]
    name: str
    starts: tuple[int, ...]

    @classmethod
    def open(cls, sources: Paths, name: str) -> ShardColumn:
        """Look at the files.

        Raises
        ------
        InputError
            When a file has no such column or cannot be read.
        """
        paths = tuple(places(sources))
        for path in paths:
            check_column(name, parquet_schema(path).names)
        rows = [parquet_rows(path) for path in paths]
        return cls(paths, name, tuple(np.concatenate([[0], np.cumsum(rows)]).astype(int).tolist()))

    def __len__(self) -> int:
        return self.starts[-1]

    def texts(self, start: int, stop: int) -> pa.Array:
        """Return the texts of rows `start` to `stop`, pyarrow.StringArray."""
        found = [pa.array([], pa.string())]
        for path, first, end in zip(self.paths, self.starts, self.starts[1:], strict=False):
            if first < stop and end > start:
                found += _row_range(path, self.name, max(start - first, 0), min(stop, end) - first)
        return pa.concat_arrays(found)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the texts of rows `start` to `stop`, ndarray of str (object)."""
        return text_array(self.texts(start, stop).to_pylist())

    def distinct(self) -> pa.Array:
        """Return each text once, sorted, pyarrow.StringArray."""
        found: set[str] = set()
        for start in range(0, len(self), READ_ROWS):
            texts = self.texts(start, min(start + READ_ROWS, len(self)))
            found |= set(texts.unique().to_pylist())
        return pa.array(sorted(found), pa.string())

    def stamp(self) -> list[list[str | int]]:
        """Return the column, and names, sizes and times of the files."""
        return [[self.name, *stamp_of(path)] for path in self.paths]


def _row_range(path: Place, name: str, start: int, stop: int) -> list[pa.Array]:
    """Return some rows of a column as texts; only their row groups are read."""
    found, first = [], 0
    source, system = _found(path)
    with pq.ParquetFile(source, filesystem=system) as file:
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            low, high = max(start - first, 0), min(stop - first, rows)
            if low < high:
                column = file.read_row_group(group, columns=[name])[name]
                texts = column.slice(low, high - low).cast(pa.string()).fill_null("")
                found += texts.chunks
            first += rows
    return found


def read_shard_column(sources: Paths, name: str) -> np.ndarray:
    """Return one column of all files as texts, ndarray of str (n,); empty where it is null.

    `ShardColumn` holds no more of it in memory than a part.

    Raises
    ------
    InputError
        When a file has no such column or cannot be read.
    """
    column = ShardColumn.open(sources, name)
    return np.array(column.texts(0, len(column)).to_pylist(), str)


def parquet_schema(path: str | os.PathLike[str]) -> pa.Schema:
    """Return the columns of a Parquet file; an `InputError` names a file that is none."""
    source, system = _found(place(path))
    try:
        return pq.read_schema(source, filesystem=system)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} cannot be read as a Parquet file ({error}).") from error


def parquet_rows(path: str | os.PathLike[str]) -> int:
    """Return how many rows a Parquet file has; an `InputError` names a file that is none."""
    source, system = _found(place(path))
    try:
        return int(pq.read_metadata(source, filesystem=system).num_rows)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} cannot be read as a Parquet file ({error}).") from error


def read_parquet(path: Place) -> pa.Table:
    """Read a Parquet file of this machine or at an address."""
    source, system = _found(path)
    return pq.read_table(source, filesystem=system)


def _found(path: Place) -> tuple[Any, Any]:
    """Return what pyarrow reads, and the file system that it is in."""
    if not isinstance(path, Url):
        return path, None
    system, inside = path.opened()
    return inside, system


def apply_to_shards(
    manifest: Manifest | ManifestParts,
    sources: Paths,
    folder: str | os.PathLike[str],
    *,
    label: str | None = None,
    first_row: int = 0,
) -> list[Place]:
    """Write each file again as the manifest decided, one at a time.

    Parameters
    ----------
    manifest : Manifest or ManifestParts
        Of the rows of all files, in order.
    sources : sequence of path or address
        The files that were curated.
    folder : path, or address such as ``s3://bucket/clean``
        Gets a file of the same name for each. An existing one is replaced; at an address none is.
    label : str, optional
        The label column; needed only when rows are relabeled.
    first_row : int
        Place in the manifest of the first row of the first file; others came before.

    Raises
    ------
    InputError
        When two files have the same name, the rows are not those of the manifest, or another file
        is at an address.
    """
    paths = places(sources)
    targets = clean_paths(paths, folder)
    rows = [parquet_rows(path) for path in paths]
    if first_row + sum(rows) != len(manifest):
        beyond = f" after the first {first_row}" if first_row else ""
        raise InputError(
            f"The files hold {counted(sum(rows), 'row')}, the manifest "
            f"{len(manifest) - first_row}{beyond}."
        )
    start = first_row
    for at, path in enumerate(track(paths, description="write clean files")):
        part = manifest.rows_between(start, start + rows[at])
        _write(_applied(part, read_parquet(path), label), targets[at])
        start += rows[at]
    return targets


def _write(table: pa.Table, target: Place) -> None:
    """Write a Parquet file; at an address only where there is none, or the same one."""
    if isinstance(target, Url):
        with tempfile.TemporaryDirectory(prefix="thresher-") as folder:
            local = Path(folder) / target.name
            pq.write_table(table, local)
            put_if_absent(local, target)
        return
    with atomic_path(target) as temporary:
        pq.write_table(table, temporary)


def clean_paths(sources: Paths, folder: str | os.PathLike[str]) -> list[Place]:
    """Return where `apply_to_shards` writes; refuse names that repeat or replace a source."""
    paths = places(sources)
    targets = [below(folder, path.name) for path in paths]
    if len(set(targets)) < len(targets):
        raise InputError("Two of the files have the same name; clean them into two folders.")
    if {resolved(path) for path in paths} & {resolved(target) for target in targets}:
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
