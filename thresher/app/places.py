"""Where each row stands in the user's own data: split, file and line, and the file to open."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..core.files import atomic_path
from ..core.loaded import GivenPart, LoadedDataset
from ..core.loading.tables import is_table
from ..core.manifest import Manifest
from .given import given_rows

SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("split", pa.string()),
        ("file", pa.string()),
        ("line", pa.int64()),
        ("path", pa.string()),
    ]
)
HASHED = "content hash"
IN_NAME = re.compile(r"(.+):(\d+)")


@dataclass(frozen=True)
class Place:
    """Where one row stands.

    ``line`` counts from 1: lines of a text file with its header, rows of other files. ``path`` is
    the absolute path of the image, or of the file that holds the row.
    """

    split: str | None = None
    file: str | None = None
    line: int | None = None
    path: str | None = None

    def __str__(self) -> str:
        name = self.file or ""
        if self.line is None:
            return name
        return f"{name}:{self.line}" if name else f"row {self.line:,}"


@dataclass(frozen=True)
class Places:
    """The places of all rows of a source; ``own_keys`` says that row ids are the user's own."""

    table: pa.Table
    own_keys: bool = False

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {row_id: at for at, row_id in enumerate(self.table["row_id"].to_pylist())}

    def of(self, row_id: str | None) -> Place:
        """Return the place of a row; one that was set aside in reading bears it in its name."""
        at = self._row_of.get(row_id or "")
        if at is not None:
            row = self.table.slice(at, 1).to_pylist()[0]
            return Place(row["split"], row["file"], row["line"], row["path"])
        named = IN_NAME.fullmatch(row_id or "")
        return Place(file=named[1], line=int(named[2])) if named else Place()

    def called(self, row_id: str | None) -> str:
        """Return what a row is called on a page or a terminal: the user's key, and its place."""
        if not row_id:
            return ""
        place = str(self.of(row_id))
        if not place or row_id == place or place.endswith(f"/{row_id}"):
            return row_id
        known = self.own_keys or row_id not in self._row_of
        return f"{row_id} ({place})" if known else place

    def columns(self, row_ids: Iterable[str | None], *, prefix: str = "") -> dict[str, pa.Array]:
        """Return the columns ``split``, ``file`` and ``line`` of some rows."""
        ids = pa.array(row_ids, pa.string())
        at = pc.index_in(ids, value_set=self.table["row_id"].combine_chunks())
        found = self.table.take(at).select(["split", "file", "line"]).to_pydict()
        for row in np.flatnonzero(pc.and_(at.is_null(), ids.is_valid())).tolist():
            place = self.of(ids[row].as_py())
            found["file"][row], found["line"][row] = place.file, place.line
        return {
            f"{prefix}{name}": pa.array(values, SCHEMA.field(name).type)
            for name, values in found.items()
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a Parquet file, atomically."""
        table = self.table.replace_schema_metadata({"own_keys": str(self.own_keys)})
        with atomic_path(path) as temporary:
            pq.write_table(table, temporary)

    @classmethod
    def none(cls) -> Places:
        """Return places of no row."""
        return cls(SCHEMA.empty_table())

    @classmethod
    def load(cls, path: Path) -> Places:
        """Read what `save` wrote; without such a file no place is known."""
        if not path.is_file():
            return cls.none()
        table = pq.read_table(path)
        return cls(table, (table.schema.metadata or {}).get(b"own_keys") == b"True")


def places_of(loaded: LoadedDataset) -> Places:
    """Return where the rows of a dataset stand that was read with `load_dataset`."""
    given = given_rows(loaded)
    images = None
    if loaded.schema.modality == "image":
        images = pc.struct_field(given.table.column(loaded.schema.inputs[0]), "path")
    tables, start = [SCHEMA.empty_table()], 0
    for part in given.parts:
        ids = given.row_ids[start : start + part.rows]
        own = None if images is None else images.slice(start, part.rows)
        tables.append(_of_part(part, ids, own))
        start += part.rows
    return Places(pa.concat_tables(tables).combine_chunks(), has_own_keys(loaded))


def with_places(findings: pa.Table, places: Places, manifest: Manifest | None) -> pa.Table:
    """Add to findings what was decided, and the split, file and line of the row and its twin."""
    if manifest is not None:
        at = pc.index_in(findings["row_id"], value_set=manifest.table["row_id"].combine_chunks())
        findings = findings.append_column("action", manifest.table["action"].take(at))
    for of, prefix in (("row_id", ""), ("twin", "twin_")):
        for name, column in places.columns(findings[of].to_pylist(), prefix=prefix).items():
            findings = findings.append_column(name, column)
    return findings


def has_own_keys(loaded: LoadedDataset) -> bool:
    """Tell whether row ids are the user's own rather than made from the content."""
    row_id = loaded.choices.get("row_id")
    return row_id is None or row_id.value != HASHED


def _of_part(part: GivenPart, ids: np.ndarray, images: pa.ChunkedArray | None) -> pa.Table:
    rows = part.rows
    folder = None if part.folder is None else part.folder.resolve()
    whole: Any = pa.nulls(rows, pa.string())
    if folder is not None and (images is None or is_table(Path(part.name))):
        whole = pa.repeat(pa.scalar(str(folder / Path(part.name).name)), rows)
    files: Any = pa.repeat(pa.scalar(part.name or None, pa.string()), rows)
    lines, paths = pa.array(part.numbers, pa.int64()), whole
    if images is not None and folder is not None:
        named = [None if name is None else str(folder / name) for name in images.to_pylist()]
        paths = pc.coalesce(pa.array(named, pa.string()), whole)
        if not is_table(Path(part.name)):  # a folder of images, in which each is a row
            files, lines = images.combine_chunks(), pa.nulls(rows, pa.int64())
    splits = pa.repeat(pa.scalar(part.split, pa.string()), rows)
    columns = [pa.array(ids, pa.string()), splits, files, lines, paths]
    return pa.table(columns, schema=SCHEMA)
