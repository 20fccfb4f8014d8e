"""Tar files in the WebDataset layout, as a table of one row for each sample.

``jpg``, ``png``, … become the column ``image``, ``txt`` the column ``text``, ``cls`` the label,
the keys of ``json`` columns of their own; ``key.depth.png`` becomes the column ``depth``, and any
other member a column of bytes. Nothing is unpacked to disk.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from ..counted import counted
from ..errors import InputError
from ..file_names import shown
from ..schema import ROW_ID
from ..webdataset import is_image, key_and_suffix, member_name
from .compression import unpack_into
from .files import IMAGE_TYPE
from .json_files import HALF, TOO_DEEP, holds_half
from .parts import Part, Source, bad_row, table_of

KEY = "key"
BLOCK = tarfile.BLOCKSIZE
RUN = 500  # images in one Arrow array, whose offsets end at 2 GiB
TABLES = frozenset({"csv", "tsv", "jsonl", "ndjson", "parquet", "xlsx", "csv.gz", "jsonl.gz"})
_WHOLE = re.compile(r"-?[0-9]{1,18}")

Sample = dict[str, Any]


def read_tar(path: Path, name: str, source: Source) -> Part:
    """Read one tar file; damaged stretches, members and samples are set aside by name.

    Parameters
    ----------
    path : Path
        Plain, or compressed by gzip, bzip2, xz or Zstandard.
    name : str
        How the file is called in messages.
    source : Source
        Takes what could not be read.
    """
    samples: dict[str, Sample] = {}
    broken: dict[str, str] = {}
    with open_tar(path, name, source) as file:
        for member, data in tar_members(file, name, source):
            key, suffix = key_and_suffix(member)
            if shown(key) != key or shown(suffix) != suffix:
                broken.setdefault(shown(key), f"{shown(member)}: a member name that is not UTF-8")
                continue
            if not suffix:
                source.bad.append(bad_row(f"{name}/{member}", "a member without a suffix"))
                continue
            sample = samples.setdefault(key, {KEY: key})
            reason = _add(sample, suffix, data, path=member)
            if reason is not None:
                broken.setdefault(key, f"{member}: {reason}")
    source.bad += [bad_row(f"{name}/{key}", reason) for key, reason in broken.items()]
    kept = [sample for key, sample in samples.items() if key not in broken]
    _refuse_tables(kept, name)
    table, notes = _table(kept)
    source.choices |= notes
    return Part(name, table)


def _refuse_tables(samples: list[Sample], name: str) -> None:
    """Raise an `InputError` for a tar that packs tables instead of samples."""
    held = {suffix for sample in samples for suffix in sample if suffix != KEY}
    if held and held <= TABLES:
        raise InputError(
            f"{name} holds {counted(len(samples), 'table')} ({', '.join(sorted(held))}) instead of "
            "one image or text for each row. Unpack it, and name the folder or the file."
        )


def open_tar(path: Path, name: str, source: Source) -> IO[bytes]:
    """Open a tar file; of a compressed one, keep in memory what can be unpacked."""
    unpacked = io.BytesIO()
    if unpack_into(unpacked, path, name=name, source=source) is None:
        return open(path, "rb")
    unpacked.seek(0)
    return unpacked


def tar_members(file: IO[bytes], name: str, source: Source) -> Iterator[tuple[str, bytes | None]]:
    """Yield the name and the bytes of each file, None for one that is cut short.

    By itself `tarfile` ends at a damaged header as if the file ended there. It is told to look for
    the next header instead, and whatever it stepped over is named.
    """
    end = 0
    try:
        with tarfile.open(fileobj=file, mode="r:", ignore_zeros=True) as tar:
            while (header := _next_header(tar, file, end)) is not None:
                start, begin, size, called = header
                _name_damage(file, end, start, name=name, source=source)
                end = begin + (size + BLOCK - 1) // BLOCK * BLOCK
                given = None if called is None else member_name(called)
                if given is not None:
                    file.seek(begin)
                    data = file.read(size)
                    yield given, data if len(data) == size else None
    except tarfile.TarError as error:
        if end == 0:
            source.bad.append(bad_row(name, f"not a tar file ({error})"))
        return
    _name_damage(file, end, file.seek(0, io.SEEK_END), name=name, source=source)


def _next_header(
    tar: tarfile.TarFile, file: IO[bytes], end: int
) -> tuple[int, int, int, str | None] | None:
    """Return where the next header starts, where its data begin, their size and the file's name.

    The name is None for what is no file. `tarfile` takes 25 µs for a header, most of the time in
    which small files are read; an ordinary one is read here.
    """
    if end and not tar.pax_headers:
        file.seek(end)
        plain = _plain_header(file.read(BLOCK))
        if plain is not None:
            name, size = plain
            tar.offset = end + BLOCK + (size + BLOCK - 1) // BLOCK * BLOCK
            return end, end + BLOCK, size, name
    member = tar.next()
    if member is None:
        return None
    tar.members.clear()  # type: ignore[attr-defined]  # it keeps every header otherwise
    called = member.name if member.isfile() else None
    return member.offset, member.offset_data, member.size, called


def _plain_header(block: bytes) -> tuple[str, int] | None:
    """Return name and size by the header of an ordinary file, None for any other and a damaged one.

    Layout: POSIX.1-1988 (ustar).
    """
    if len(block) < BLOCK or block[156:157] != b"0" or block[257:262] != b"ustar" or block[345]:
        return None
    name, size, told = block[:100], block[124:135], block[148:154]
    if not size.isdigit() or not told.isdigit() or not name[0] or name[-1]:
        return None
    try:
        right, length = int(told, 8), int(size, 8)
    except ValueError:
        return None
    if right != sum(block) - sum(block[148:156]) + 8 * ord(" "):
        return None
    called = name[: name.index(0)].decode("utf-8", "surrogateescape")
    return None if called.endswith("/") else (called, length)


def _name_damage(file: IO[bytes], start: int, stop: int, *, name: str, source: Source) -> None:
    """Set the bytes between two members aside, unless they are the zeros that end a tar file."""
    file.seek(start)
    left = stop - start
    while left > 0 and (chunk := file.read(min(left, 2**20))):
        if chunk.strip(b"\0"):
            reason = (
                f"damaged: {counted(stop - start, 'byte')} from byte {start} on are no part of a "
                "member"
            )
            source.bad.append(bad_row(name, reason))
            return
        left -= len(chunk)


def _add(sample: Sample, suffix: str, data: bytes | None, *, path: str) -> str | None:
    """Put a member into its sample, or say why that cannot be."""
    if data is None:
        return "the member is cut short"
    head, _, kind = suffix.rpartition(".")
    kind = kind.lower()
    value: Any = data
    if kind == "json" and not head:
        return _add_json(sample, data)
    if is_image(kind):
        name, value = head or "image", {"bytes": data, "path": Path(path).name}
    elif kind in ("txt", "text", "cls"):
        name = head or ("cls" if kind == "cls" else "text")
        try:
            value = _parse(data.decode(), number=kind == "cls")
        except UnicodeDecodeError:
            return "the text is not UTF-8"
    else:
        name = suffix
    if name in sample:
        return f"a second value for {name!r}"
    sample[name] = value
    return None


def _add_json(sample: Sample, data: bytes) -> str | None:
    try:
        values = json.loads(data)
    except RecursionError:
        return f"broken JSON ({TOO_DEEP})"
    except ValueError as error:
        return f"broken JSON ({str(error).splitlines()[0]})"
    if not isinstance(values, dict):
        values = {"json": json.dumps(values, ensure_ascii=False)}
    if holds_half(values):
        return HALF
    twice = [name for name in values if name in sample and name != KEY]
    if twice:
        return f"a second value for {twice[0]!r}"
    sample.update({name: value for name, value in values.items() if name != KEY})
    return None


def _parse(text: str, *, number: bool) -> Any:
    if not number:
        return text
    text = text.strip()
    return int(text) if _WHOLE.fullmatch(text) else text


def _table(samples: list[Sample]) -> tuple[pa.Table, dict[str, Any]]:
    """Stack samples; the class number of ``cls`` members is the label where none has a name."""
    names = dict.fromkeys(name for sample in samples for name in sample)
    columns = {name: [sample.get(name) for sample in samples] for name in names}
    if all(columns.get(ROW_ID, [None])):  # as we write them ourselves
        del columns[KEY]
    if "cls" in columns and "label" not in columns:
        columns = {("label" if name == "cls" else name): columns[name] for name in columns}
    images = {name: values for name, values in columns.items() if _holds_images(values)}
    plain = {name: values for name, values in columns.items() if name not in images}
    table, notes = table_of(plain)
    for name, values in images.items():
        runs = range(0, len(values), RUN)
        chunks = [pa.array(values[start : start + RUN], IMAGE_TYPE) for start in runs]
        table = table.append_column(name, pa.chunked_array(chunks, IMAGE_TYPE))
    return table, notes


def _holds_images(values: list[Any]) -> bool:
    first = next((value for value in values if value is not None), None)
    return isinstance(first, dict) and isinstance(first.get("bytes"), bytes)
