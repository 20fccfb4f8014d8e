"""Files as lines of bytes, unpacked while they are read, with memory for a few lines only."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..loading.compression import CHUNK, OPENERS, packing
from .blocks import BadRow

LONGEST_LINE = 2**28
_DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError)
_MARK = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class Damage(Exception):  # noqa: N818 — reads as the finding it is
    """What ends the reading of a file before its end."""

    def __init__(self, row: BadRow) -> None:
        super().__init__(row.reason)
        self.row = row


def read_lines(path: Path) -> Iterator[bytes]:
    r"""Yield the lines of a file with their ends (``\n``), the first without the mark of UTF-8.

    Raises
    ------
    Damage
        Where a packed file is damaged, a line has more than 256 MiB, or the text is UTF-16; the
        lines before that have been yielded.
    """
    number, rest = 1, b""
    try:
        for chunk in _chunks(path):
            rest += chunk
            if number == 1 and rest.startswith(_UTF_16):
                raise Damage(BadRow(1, "text in UTF-16; convert the file to UTF-8"))
            lines = rest.split(b"\n")
            rest = lines.pop()
            for line in lines:
                yield (line.removeprefix(_MARK) if number == 1 else line) + b"\n"
                number += 1
            if len(rest) > LONGEST_LINE:
                raise Damage(BadRow(number, f"a line of more than {LONGEST_LINE:,} bytes"))
    except _DAMAGED as error:
        if packing(path) is None:
            raise
        reason = f"the packed file is damaged from here on ({error})"
        raise Damage(BadRow(number, reason)) from error
    if rest:
        yield rest.removeprefix(_MARK) if number == 1 else rest


def order_mark(path: Path) -> bytes:
    """Return the byte order mark of UTF-8 where a file begins with it, else nothing."""
    try:
        return _MARK if next(_chunks(path), b"").startswith(_MARK) else b""
    except _DAMAGED:  # who reads the lines is told
        return b""


def _chunks(path: Path) -> Iterator[bytes]:
    kind = packing(path)
    openers = dict(OPENERS.values())
    file: Any = open(path, "rb") if kind is None else openers[kind](path)  # noqa: SIM115
    with file:
        read = getattr(file, "read1", file.read)  # `read` gives nothing of a last, cut part
        while chunk := read(CHUNK):
            yield chunk
