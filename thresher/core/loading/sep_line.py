"""The first line ``sep=;``, by which spreadsheets are told what stands between the columns."""

from __future__ import annotations

import re

_SEP_LINE = re.compile(rb'("?)sep=([\t -!#-~])\1(?=\r?\n|\Z)', re.IGNORECASE)


def without_sep_line(data: bytes) -> tuple[bytes, str | None]:
    """Return delimited text with such a line made empty, so that lines keep their numbers, and it.

    Parameters
    ----------
    data : bytes
        UTF-8 without a byte order mark.
    """
    found = _SEP_LINE.match(data)
    return (data[found.end() :], found[0].decode()) if found else (data, None)


def delimiter_in(line: str) -> str:
    """Return the delimiter that a line such as ``sep=;`` names."""
    return line.strip('"')[len("sep=")]
