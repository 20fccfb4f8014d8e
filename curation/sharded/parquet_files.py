"""Parquet files as shards: reading a column of all of them, and applying decisions to each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.errors import InputError, check_column
from thresher.core.files import atomic_path
from thresher.core.manifest import Manifest
from thresher.core.manifest_parts import ManifestParts
from thresher.core.progress import track
from thresher.core.schema import ROW_ID
from thresher.core.text_arrays import text_array

READ_ROWS = 1 << 20
Paths = Sequence[str | os.PathLike[str]]


@dataclass(frozen=True)
class ShardColumn:
    """A column of Parquet files as texts, read a range of rows at a time; empty where it is null.

    Attributes
    ----------
    paths : tuple of Path
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

    paths: tuple[Path, ...]
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
        paths = tuple(Path(source) for source in sources)
        for path in paths:
            check_column(name, parquet_schema(path).names)
        rows = [pq.read_metadata(path).num_rows for path in paths]
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
        found = [(path, path.stat()) for path in self.paths]
        return [[self.name, path.name, stat.st_size, stat.st_mtime_ns] for path, stat in found]


def _row_range(path: Path, name: str, start: int, stop: int) -> list[pa.Array]:
    """Return some rows of a column as texts; only their row groups are read."""
    found, first = [], 0
    with pq.ParquetFile(path) as file:
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
    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} cannot be read as a Parquet file ({error}).") from error


def apply_to_shards(
    manifest: Manifest | ManifestParts,
    sources: Paths,
    folder: str | os.PathLike[str],
    *,
    label: str | None = None,
    first_row: int = 0,
) -> list[Path]:
    """Write each file again as the manifest decided, one at a time.

    Parameters
    ----------
    manifest : Manifest or ManifestParts
        Of the rows of all files, in order.
    sources : sequence of path
        The files that were curated.
    folder : path
        Gets a file of the same name for each; an existing one is replaced.
    label : str, optional
        The label column; needed only when rows are relabeled.
    first_row : int
        Place in the manifest of the first row of the first file; others came before.

    Raises
    ------
    InputError
        When two files have the same name, or the rows are not those of the manifest.
    """
    paths = [Path(source) for source in sources]
    targets = clean_paths(paths, folder)
    rows = [pq.read_metadata(path).num_rows for path in paths]
    if first_row + sum(rows) != len(manifest):
        beyond = f" after the first {first_row}" if first_row else ""
        raise InputError(
            f"The files hold {sum(rows)} rows, the manifest {len(manifest) - first_row}{beyond}."
        )
    start = first_row
    for at, path in enumerate(track(paths, description="write clean files")):
        part = manifest.rows_between(start, start + rows[at])
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
