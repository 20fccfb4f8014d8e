"""Text files whose suffix does not say what they are: ``SMSSpamCollection``, ``iris.data``.

Where one delimiter cuts the lines alike they are a table, else each line is one text.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from ..choice import Choice
from .delimited import read_delimited
from .parts import Part, Source
from .sep_line import without_sep_line
from .table_form import cuts_lines_alike
from .text_files import read_text
from .title_lines import without_titles

SUFFIXES = frozenset(
    {"", "txt", "text", "data", "dat", "all", "train", "test", "dev", "asc", "out"}
)
LOOKED_AT = 2**16
# Where files begin that are no text: zip and Office files, PDF, executables, SQLite, HDF5, pickles.
NO_TEXT = (
    b"PK\x03\x04",
    b"%PDF",
    b"\x7fELF",
    b"MZ",
    b"SQLite",
    b"\x89HDF",
    b"\x80\x04",
    b"\xd0\xcf",
)
MARKS = (b"\xff\xfe", b"\xfe\xff")  # of UTF-16 and UTF-32, which have zero bytes


def is_plain_text(path: Path, suffix: str) -> bool:
    """Tell from its suffix and its first bytes whether a file holds text."""
    if suffix not in SUFFIXES or not path.is_file():
        return False
    with open(path, "rb") as file:
        start = file.read(LOOKED_AT)
    if not start or start.startswith(NO_TEXT):
        return False
    return start.startswith(MARKS) or b"\0" not in start


def read_plain_text(path: Path, name: str, source: Source) -> Part:
    """Read a file as a table, or as one text a line."""
    if source.form.delimiter is not None:
        return read_delimited(path, name, source, usual=None)
    decoded = read_text(path, name, source)
    above = without_sep_line(decoded.data)[1] or without_titles(decoded.data, source.form)[1]
    if above is not None or cuts_lines_alike(decoded.data):
        return read_delimited(path, name, source, usual=None)
    lines = decoded.data.decode(errors="replace").split("\n")
    filled = [(number, line.rstrip("\r")) for number, line in enumerate(lines, 1) if line.strip()]
    source.choices["lines"] = Choice("one text each", "no delimiter cuts them into columns alike")
    table = pa.table({"text": pa.array([line for _, line in filled], pa.string())})
    numbers = np.array([number for number, _ in filled], np.int64)
    return Part(name, table, numbers=numbers, order_mark=decoded.order_mark)
