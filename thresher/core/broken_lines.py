"""Lines of a text file that are no rows, kept as they stand, to be written back in their places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

CSV, JSON_LINES, JSON_LIST = "csv", "jsonl", "json"
# In which formats such a line stands as it did: half an object would break a list of JSON.
FITS = {CSV: (CSV,), JSON_LINES: (JSON_LINES,), JSON_LIST: (JSON_LIST, JSON_LINES)}


@dataclass(frozen=True)
class BrokenLines:
    """What of a text file is no row.

    Attributes
    ----------
    kind : {"csv", "jsonl", "json"}
        Of the file; in the last, entries of a list.
    places : ndarray of int64, shape (k,)
        How many rows of the file come before each.
    lines : list of bytes
        As they stand in the file, without the end of the line.
    """

    kind: str
    places: np.ndarray
    lines: list[bytes] = field(repr=False)


def spliced(rows: Iterable[bytes], broken: Sequence[tuple[int, bytes]]) -> Iterator[bytes]:
    """Yield rows, and lines that are none in their places: each follows so many rows."""
    waiting = iter(broken)
    place, line = next(waiting, (-1, b""))
    at = 0
    for row in rows:
        while place == at:
            yield line
            place, line = next(waiting, (-1, b""))
        yield row
        at += 1
    while place == at:
        yield line
        place, line = next(waiting, (-1, b""))


def lines_at(data: bytes, spans: Sequence[tuple[int, int]], raw: dict[int, bytes]) -> list[bytes]:
    """Return some lines of a file, by the first (from 1) and how many they are.

    Parameters
    ----------
    data : bytes
        The file as UTF-8.
    spans : sequence of (int, int)
    raw : dict of int to bytes
        Lines, from 0, whose bytes in the file are others than those in `data`.
    """
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 0x0A)
    starts = np.r_[0, ends + 1, len(data)]

    def line(at: int) -> bytes:
        return raw.get(at, data[starts[at] : starts[at + 1]].removesuffix(b"\n"))

    found = [
        b"\n".join(line(at) for at in range(first - 1, first - 1 + span)) for first, span in spans
    ]
    return [each.removesuffix(b"\r") for each in found]
