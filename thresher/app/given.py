"""A user's rows as the file holds them: a dataset with row ids, and a digest of the file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from ..core.columns import dataset_of
from ..core.errors import InputError
from ..core.schema import ROW_ID, GivenRows, LoadedDataset

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
    return as_dataset(table)


def as_dataset(table: pa.Table) -> datasets.Dataset:
    """Wrap a table, with ``{bytes, path}`` columns as images."""
    import datasets

    features = datasets.Features.from_arrow_schema(table.schema.remove_metadata())
    for item in table.schema:
        if pa.types.is_struct(item.type) and {"bytes", "path"} == {part.name for part in item.type}:
            features[item.name] = datasets.Image(decode=False)
    return dataset_of(table, features, key="given")


def digest(path: Path) -> str:
    """Hash the bytes of a file, or the names and bytes of all files in a folder."""
    total = hashlib.blake2b(digest_size=16)
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        name = "" if path.is_file() else str(file.relative_to(path))
        with open(file, "rb") as stream:
            content = hashlib.file_digest(stream, "blake2b").digest()
        total.update(name.encode() + b"\0" + content)
    return total.hexdigest()
