"""What is left of a file of delimited text when broken lines are out of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Records:
    """A file of delimited text, less what cannot be a row.

    Attributes
    ----------
    data : bytes
        The records that are left, as UTF-8; what was a stray quote in a file of tabs is quoted.
    lines : ndarray of int64, shape (n,)
        The line each record begins on, from 1, the header's first.
    several : bool
        Whether some records go over several lines.
    bad : list of (int, str)
        Line and reason of what was left out.
    longest : int
        Bytes of the longest record.
    mended : list of int
        Lines of a file of tabs whose quotes are plain characters.
    spans : ndarray of int64, shape (n,)
        How many lines each record goes over.
    bad_spans : list of int
        How many lines each that was left out goes over.
    """

    data: bytes
    lines: np.ndarray
    several: bool
    longest: int
    spans: np.ndarray
    bad: list[tuple[int, str]] = field(default_factory=list)
    mended: list[int] = field(default_factory=list)
    bad_spans: list[int] = field(default_factory=list)
