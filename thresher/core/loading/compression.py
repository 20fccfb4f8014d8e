"""Files as bytes, unpacked where they are compressed: gzip, bzip2, xz and Zstandard.

What a file begins with decides, not its name. An unpacked file may have `MOST_TIMES` times the size
of the packed one; ordinary tables pack to a tenth, and one that packs to less than a two-hundredth
holds one line over and over, or is made to fill a disk.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from ..counted import counted
from ..errors import FormError
from .parts import Source, bad_row

MOST_TIMES, ALWAYS_FINE = 200, 2**28
CHUNK = 2**20


def _zstd(path: Path) -> Any:
    return pa.input_stream(str(path), compression="zstd")


OPENERS: dict[bytes, tuple[str, Callable[[Path], Any]]] = {
    b"\x1f\x8b": ("gz", gzip.open),
    b"BZh": ("bz2", bz2.open),
    b"\xfd7zXZ\0": ("xz", lzma.open),
    b"\x28\xb5\x2f\xfd": ("zst", _zstd),
}
SUFFIXES = ("gz", "bz2", "xz", "zst")
_DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError)


class TooLarge(FormError):  # noqa: N818 — reads as the finding it is
    """A packed file is larger when unpacked than may be."""

    option = "max_unpacked"


def packing(path: Path) -> str | None:
    """Return ``"gz"``, ``"bz2"``, ``"xz"`` or ``"zst"`` by what a file begins with, or None."""
    with open(path, "rb") as file:
        start = file.read(6)
    return next((kind for magic, (kind, _) in OPENERS.items() if start.startswith(magic)), None)


def unpack_into(target: IO[bytes], path: Path, *, name: str, source: Source) -> str | None:
    """Write the content of a packed file into `target` and return how it was packed.

    Of a damaged file, what comes before the damage is kept, and the damage is named.

    Parameters
    ----------
    target : file of bytes
    path : Path
    name : str
        How the file is called in messages.
    source : Source
        Takes the damage, and says how much may be unpacked.

    Returns
    -------
    str or None
        None for a file that is not packed; nothing is written then.

    Raises
    ------
    TooLarge
        When the content has more than ``source.form.most_bytes``, by default more than 200 times
        the size of the file and more than 256 MiB.
    """
    kind = packing(path)
    if kind is None:
        return None
    opener = next(opener for found, opener in OPENERS.values() if found == kind)
    most = source.form.most_bytes or max(ALWAYS_FINE, MOST_TIMES * path.stat().st_size)
    try:
        with opener(path) as file:
            for chunk in _chunks(file):
                target.write(chunk)
                if target.tell() > most:
                    raise TooLarge(_too_large(path, most))
    except _DAMAGED as error:
        source.bad.append(
            bad_row(name, (f"damaged after {counted(target.tell(), 'byte')} ({error})"))
        )
    return kind


def _chunks(file: Any) -> Iterator[bytes]:
    read = getattr(file, "read1", file.read)  # `read` gives nothing of a last, cut part
    while chunk := read(CHUNK):
        yield chunk


def _too_large(path: Path, most: int) -> str:
    return (
        f"{path} holds {counted(path.stat().st_size, 'byte')} and unpacks to more than {most:,}. "
        "If it is meant to, say how many GiB may be unpacked with --max-unpacked (`max_unpacked`)."
    )
