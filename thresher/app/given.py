"""A user's rows as the file holds them: a dataset with row ids, and a digest of the file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..core.columns import dataset_of
from ..core.errors import InputError
from ..core.hidden import is_inside_hidden
from ..core.loaded import GivenRows, LoadedDataset
from ..core.schema import ROW_ID

if TYPE_CHECKING:
    import datasets


def given_rows(loaded: LoadedDataset) -> GivenRows:
    """Return the rows of a source as it holds them.

    Raises
    ------
    InputError
        When the dataset was read back from a run, which keeps the cleaned rows alone.
    """
    if loaded.given is None:
        raise InputError("The rows as they came are not known: load the data with `load_dataset`.")
    return loaded.given


def given_dataset(loaded: LoadedDataset) -> datasets.Dataset:
    """Return all rows of the source as it holds them, with a column ``row_id``."""
    given = given_rows(loaded)
    ids, table = pa.array(given.row_ids, pa.string()), given.table
    if ROW_ID in table.column_names:
        table = table.set_column(table.column_names.index(ROW_ID), ROW_ID, ids)
    else:
        table = table.add_column(0, ROW_ID, ids)
    return as_dataset(table, given.features)


def stored_rows(loaded: LoadedDataset) -> list[dict[str, Any]]:
    """Return the usable rows as the source holds them: of JSON as it was written."""
    given = given_rows(loaded)
    rows: list[dict[str, Any]] = []
    start = 0
    for part in given.parts:
        rows += rows_of(given.table.slice(start, part.rows), part.lines)
        start += part.rows
    return [rows[at] for at in given.positions.tolist()]


def rows_of(table: Any, lines: Any) -> list[dict[str, Any]]:
    """Return rows as mappings from column to cell; lines of JSON keep what a table cannot hold."""
    if lines is None:
        return list(table.to_pylist())
    return [json.loads(line) for line in lines.slice(0, len(table)).to_pylist()]


def as_dataset(
    table: pa.Table, declared: Mapping[str, Any] = MappingProxyType({})
) -> datasets.Dataset:
    """Wrap a table, with the features that its source declared where its columns still fit them.

    Undeclared columns of ``{bytes, path}`` are images.
    """
    import datasets

    features = datasets.Features.from_arrow_schema(table.schema.remove_metadata())
    for item in table.schema:
        if pa.types.is_struct(item.type) and {"bytes", "path"} == {part.name for part in item.type}:
            features[item.name] = datasets.Image(decode=False)
        feature = declared.get(item.name)
        if feature is not None and _stored_type(feature) == item.type:
            features[item.name] = feature
    return dataset_of(table, features, key="given")


def _stored_type(feature: Any) -> pa.DataType:
    import datasets

    return datasets.Features({"column": feature}).arrow_schema.field("column").type


def digest(*paths: Path) -> str:
    """Hash the bytes of files, and the names and bytes of all files in folders but hidden ones."""
    total = hashlib.blake2b(digest_size=16)
    for path in paths:
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        files = [f for f in files if not is_inside_hidden(f.relative_to(path).parts)]
        for file in files:
            name = "" if path.is_file() else str(file.relative_to(path))
            with open(file, "rb") as stream:
                content = hashlib.file_digest(stream, "blake2b").digest()
            total.update(name.encode() + b"\0" + content)
    return total.hexdigest()
