"""Datasets as tar files in the WebDataset layout, one or a folder of shards; read by `loading.tar`.

A sample's members are ``key.jpg`` (or what the image is), ``key.txt`` for the column ``text``,
``key.cls`` for a column ``label`` of whole numbers, and ``key.json`` for all other columns. The
same rows give the same bytes: no times, users or modes of this machine are written.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from .arrow_kinds import is_binary
from .errors import InputError
from .file_names import image_suffix, safe_name
from .fingerprint import fingerprint
from .schema import ROW_ID

SHARD_ROWS, SHARD_BYTES = 10_000, 2**29
LONGEST_KEY = 150

Member = tuple[str, bytes]


def write_tar(blocks: Iterable[pa.Table], path: Path) -> None:
    """Write all rows into one tar file.

    Parameters
    ----------
    blocks : iterable of pyarrow.Table
        Rows in order, with images as ``{bytes, path}`` and class names instead of codes.
    path : Path
    """
    with tarfile.open(path, "w") as tar:
        for members in _samples(blocks):
            add_members(tar, members)


def write_shards(blocks: Iterable[pa.Table], folder: Path) -> None:
    """Write ``folder/NAME-000000.tar`` and so on, NAME being the folder's own.

    A shard ends after 10,000 rows or half a GiB.
    """
    folder.mkdir()
    samples, number, more = _samples(blocks), 0, True
    while more:
        path = folder / f"{safe_name(folder.name)}-{number:06d}.tar"
        with tarfile.open(path, "w") as tar:
            more = _fill(tar, samples)
        number += 1


def _fill(tar: tarfile.TarFile, samples: Iterator[list[Member]]) -> bool:
    """Add samples until the shard is full; return whether there may be more."""
    for rows, members in enumerate(samples, 1):
        add_members(tar, members)
        if rows == SHARD_ROWS or tar.offset >= SHARD_BYTES:
            return True
    return False


def add_members(tar: tarfile.TarFile, members: list[Member]) -> None:
    """Append the members of one sample, without times, users or modes of this machine."""
    for name, data in members:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))


def _samples(blocks: Iterable[pa.Table]) -> Iterator[list[Member]]:
    taken: set[str] = set()
    number = 0
    for block in blocks:
        kinds = {item.name: _kind(item) for item in block.schema}
        for batch in block.to_batches(max_chunksize=1000):
            for row in batch.to_pylist():
                key = _key(str(row.get(ROW_ID) or f"{number:09d}"), taken)
                number += 1
                yield list(_members(key, row, kinds))


def _kind(item: pa.Field) -> str:
    """Return how a column is stored: as an image, a text, a class number, bytes or in the JSON."""
    if pa.types.is_struct(item.type) and item.type.get_field_index("bytes") >= 0:
        return _checked_suffix(item.name, "image")
    if is_binary(item.type):
        return _checked_suffix(item.name, "bytes")
    if item.name == "text" and pa.types.is_string(item.type):
        return "text"
    return "cls" if item.name == "label" and pa.types.is_integer(item.type) else "json"


def _checked_suffix(name: str, kind: str) -> str:
    if not name or "/" in name or "." in name:
        raise InputError(
            f"A tar file names its members by column, and {name!r} cannot be a suffix. Rename the "
            "column first (dataset.rename_column)."
        )
    return kind


def _members(key: str, row: dict[str, Any], kinds: dict[str, str]) -> Iterator[Member]:
    rest = {}
    for name, value in row.items():
        kind = kinds[name]
        if kind == "json" or value is None:
            rest.update({name: value} if kind == "json" else {})
        elif kind == "image":
            infix = "" if name == "image" else f".{name}"
            yield f"{key}{infix}{image_suffix(value['bytes'])}", value["bytes"]
        elif kind == "text":
            yield f"{key}.txt", value.encode()
        elif kind == "cls":
            yield f"{key}.cls", str(value).encode()
        else:
            yield f"{key}.{name}", value
    yield f"{key}.json", json.dumps(rest, ensure_ascii=False, default=str).encode()


def _key(row_id: str, taken: set[str]) -> str:
    """Return a sample's key: the row id without dots and slashes, once.

    A key that was changed, is long or is taken ends in a part of the row id's hash.
    """
    key = safe_name(row_id).replace(".", "_")
    if key in taken or len(key) > LONGEST_KEY:
        key = f"{key[:LONGEST_KEY]}-{fingerprint(row_id)[:8]}"
    taken.add(key)
    return key
