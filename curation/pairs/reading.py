"""Pairs of an image and a caption, one after the other, from tar files and tables.

A shard is read once, from its beginning to its end. Whatever is wrong with a pair stays with the
pair as its `fault`, so that rows keep their places beside stored embeddings; stretches of a file
that belong to no pair are set aside by name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.arrow_kinds import is_binary, is_string
from thresher.core.errors import InputError
from thresher.core.file_names import shown
from thresher.core.loading.files import read_file
from thresher.core.loading.parts import Source, bad_row
from thresher.core.loading.tables import is_table, read_table, suffix
from thresher.core.loading.tar import open_tar, tar_members
from thresher.core.webdataset import is_image, key_and_suffix

from .columns import PairColumns, no_caption

ROWS = 1024
Sample = dict[str, Any]
Member = tuple[str, bytes | None]


@dataclass(frozen=True)
class Pair:
    """One image and its caption.

    Attributes
    ----------
    name : str
        What the pair is called in its shard.
    caption : str or None
    image : bytes or None
        The file, undecoded; None where it is missing or stored elsewhere.
    width, height : float
        As stored beside the pair; NaN where nothing is.
    similarity : float
        As stored beside the pair; NaN where nothing is.
    hash : str or None
        Of the image, as stored beside the pair.
    names : tuple of str
        Of the image's file.
    fault : str or None
        Why it cannot be used.
    """

    name: str
    caption: str | None
    image: bytes | None = None
    width: float = math.nan
    height: float = math.nan
    similarity: float = math.nan
    hash: str | None = None
    names: tuple[str, ...] = ()
    fault: str | None = None


@dataclass(frozen=True)
class PairReader:
    """Reads shards.

    Attributes
    ----------
    columns : PairColumns
        What the user names; all else is told by usual names.
    measured : bool
        Whether the similarity is measured anew.
    captions : bool
        Whether a table must have captions.
    """

    columns: PairColumns
    measured: bool = False
    captions: bool = True

    def read(self, path: Path, source: Source) -> Iterator[Pair]:
        """Yield the pairs of one file; `source` takes what belongs to none.

        Raises
        ------
        InputError
            When the file is of no kind that holds pairs, or has no caption column.
        """
        if not is_table(path):
            raise InputError(
                f"{path} is not a tar, Parquet, CSV, TSV, JSON Lines or JSON file: pairs are read "
                "from these."
            )
        kind = suffix(path)
        if kind == "tar":
            return self._of_tar(path, source)
        return self._of_table(path, source)

    def _of_tar(self, path: Path, source: Source) -> Iterator[Pair]:
        seen: set[str] = set()
        for key, members in tar_samples(path, source):
            sample, fault = Sample(), None
            for member, data in members:
                fault = _add(sample, key_and_suffix(member)[1], data) or fault
            yield self._pair(key, sample, fault, again=key in seen)
            seen.add(key)

    def _pair(self, key: str, sample: Sample, fault: str | None, *, again: bool) -> Pair:
        if again:
            fault = "its members lie apart in the tar file: pack it anew, sorted by name"
        found = _columns(self.columns, tuple(sample), self.measured)
        if isinstance(found, str):
            return Pair(key, None, fault=fault or found)
        image = sample.get(found.image) if found.image else None
        if not isinstance(image, bytes):
            fault, image = fault or "no image", None
        return _made(sample, found, name=key, image=image, fault=fault)

    def _of_table(self, path: Path, source: Source) -> Iterator[Pair]:
        number = 0
        for table in table_parts(path, source):
            names = table.column_names
            found = self.columns.found_in(names, measured=self.measured)
            if found.caption is None and self.captions:
                raise no_caption(path.name, names)
            kept = [name for name in vars(found).values() if name is not None]
            images = _image_kind(table, found.image)
            for batch in table.select(list(dict.fromkeys(kept))).to_batches(max_chunksize=ROWS):
                for row in batch.to_pylist():
                    number += 1
                    image, fault = _image_of(row, found, images, path.parent)
                    yield _made(row, found, name=f"row {number}", image=image, fault=fault)


def tar_samples(path: Path, source: Source) -> Iterator[tuple[str, list[Member]]]:
    """Yield the samples of a tar file, whose members lie side by side; None for what is cut short.

    A member that belongs to no sample is set aside by name.
    """
    with open_tar(path, path.name, source) as file:
        key, members = "", list[Member]()
        for member, data in tar_members(file, path.name, source):
            own, kind = key_and_suffix(member)
            if shown(member) != member or not kind:
                reason = "a member without a suffix" if not kind else "a name that is not UTF-8"
                source.bad.append(bad_row(f"{path.name}/{shown(member)}", reason))
                continue
            if own != key and members:
                yield key, members
                members = []
            key = own
            members.append((member, data))
        if members:
            yield key, members


def _add(sample: Sample, kind: str, data: bytes | None) -> str | None:
    """Put a member into its sample, or say what is wrong with it."""
    if data is None:
        sample[kind] = None
        return "cut short in the tar file"
    last = kind.rpartition(".")[2].lower()
    if kind.lower() == "json":
        try:
            values = json.loads(data)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            sample["json"] = None
            return "broken JSON"
        sample.update({name: value for name, value in values.items() if name not in sample})
    elif last in ("txt", "text", "caption"):
        try:
            sample["text" if "." not in kind else kind] = data.decode()
        except UnicodeDecodeError:
            sample[kind] = None
            return "the caption is not UTF-8"
    elif is_image(last) and "." not in kind:
        if "image" in sample:
            return "a second image"
        sample["image"] = data
    else:
        sample[kind] = data
    return None


@cache
def _columns(asked: PairColumns, names: tuple[str, ...], measured: bool) -> PairColumns | str:
    if asked.caption is None and "text" in names:  # its own member before what the JSON says
        asked = replace(asked, caption="text")
    try:
        return asked.found_in(names, measured=measured)
    except InputError as error:
        return str(error)


def _made(
    row: Sample, found: PairColumns, *, name: str, image: bytes | None, fault: str | None
) -> Pair:
    caption = row.get(found.caption) if found.caption else None
    if isinstance(caption, list):  # several captions of an image: the first one counts
        caption = caption[0] if caption else None
    if caption is not None and not isinstance(caption, str):
        caption = str(caption) if not isinstance(caption, (bytes, dict)) else None
    if caption is None or not caption.strip():
        fault = fault or "no caption"
    own = row.get(found.id) if found.id else None
    stored = row.get(found.hash) if found.hash else None
    places = dict.fromkeys(place for place in (found.name, found.image) if place is not None)
    paths = tuple(value for place in places if isinstance(value := row.get(place), str))
    return Pair(
        str(own) if own not in (None, "") else name,
        caption.encode("utf-8", "replace").decode() if caption else caption,
        image,
        _number(row, found.width),
        _number(row, found.height),
        _number(row, found.similarity),
        str(stored) if stored else None,
        (*paths, name),
        fault,
    )


def _number(row: Sample, name: str | None) -> float:
    value = row.get(name) if name else None
    return float(value) if isinstance(value, (int, float)) else math.nan


def table_parts(path: Path, source: Source) -> Iterator[pa.Table]:
    """Yield the rows of a table, a Parquet file by its row groups."""
    if suffix(path) == "parquet":
        try:
            file = pq.ParquetFile(path)
            for group in range(file.num_row_groups):
                yield file.read_row_group(group)
        except (OSError, pa.ArrowException) as error:
            reason = str(error).strip().split("\n")[0][:200]
            source.bad.append(bad_row(path.name, f"unreadable file ({reason})"))
        return
    found = read_table(path, name=path.name)
    source.extend(found)
    for part in found.parts:
        yield part.table


def _image_kind(table: pa.Table, name: str | None) -> str:
    """Return how a column holds images: ``bytes``, ``struct``, ``path``, or nothing."""
    if name is None:
        return ""
    kind = table.schema.field(name).type
    if pa.types.is_struct(kind):
        return "struct"
    return "bytes" if is_binary(kind) else "path" if is_string(kind) else ""


def _image_of(
    row: Sample, found: PairColumns, kind: str, folder: Path
) -> tuple[bytes | None, str | None]:
    """Return the bytes of a row's image, or why there are none; of no image column neither."""
    value = row.get(found.image) if found.image and kind else None
    if not kind:
        return None, None
    if kind == "struct" and isinstance(value, dict):
        data, path = value.get("bytes"), value.get("path")
        if data is not None or not path:
            return (data, None) if data else (None, "no image")
        value = path
    if isinstance(value, bytes):
        return (value, None) if value else (None, "no image")
    if not isinstance(value, str) or not value:
        return None, "no image"
    if value.startswith(("http://", "https://")):
        return None, None  # an address is nothing to read; what is stored of it may still do
    data, reason = read_file(folder, value)
    return data or None, reason if data is None else None if data else "zero bytes"
