"""Packed files by their names, ``clean.csv.gz``, and how one is written."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

PACKERS: dict[str, Callable[[IO[bytes]], Any]] = {
    # Without the name and time that make the same rows into other bytes.
    ".gz": lambda file: gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0),
    ".bz2": lambda file: bz2.BZ2File(file, "wb"),
    ".xz": lambda file: lzma.LZMAFile(file, "wb"),  # noqa: SIM115 — closed by `pack`
    ".zst": lambda file: pa.CompressedOutputStream(file, "zstd"),
}


def name_parts(path: str | os.PathLike[str]) -> tuple[str, str, str]:
    """Return the stem, the suffix of the format and that of packing: ``("a", ".csv", ".gz")``.

    The suffixes are in lower case, and empty where the name has none.
    """
    name = Path(path)
    packing = name.suffix.lower()
    if packing not in PACKERS:
        return name.stem, packing, ""
    inner = Path(name.stem)
    return inner.stem, inner.suffix.lower(), packing


def data_suffix(path: str | os.PathLike[str]) -> str:
    """Return the suffix of a file's format in lower case, that of packing left out."""
    return name_parts(path)[1]


def with_stem(path: Path, stem: str) -> Path:
    """Return the path with another stem and all its suffixes."""
    old = name_parts(path)[0]
    return path.with_name(stem + path.name[len(old) :])


def pack(plain: Path, packed: Path) -> None:
    """Write a file as its own packed copy, by the suffix of `packed`, and remove the plain one."""
    packer = PACKERS[packed.suffix.lower()]
    with open(plain, "rb") as source, open(packed, "wb") as file, packer(file) as target:
        shutil.copyfileobj(source, target, 2**20)
    plain.unlink()
