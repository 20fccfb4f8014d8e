"""Text with some places changed, and every other byte as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

Edit = tuple[int, int, bytes]


def spliced(text: bytes, edits: Iterable[Edit]) -> Iterator[bytes]:
    """Yield the pieces of a text in which places (start, end) are replaced, in any order."""
    done = 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        if start > done:
            yield text[done:start]
        if new:
            yield new
        done = max(done, end)
    yield text[done:]


def removals(starts: np.ndarray, ends: np.ndarray, dropped: np.ndarray) -> list[Edit]:
    """Return the edits that take elements out of a list, each with one separator.

    Parameters
    ----------
    starts, ends : ndarray of int64, shape (n,)
        Places of the elements.
    dropped : ndarray of bool, shape (n,)
    """
    if not dropped.any():
        return []
    kept = np.flatnonzero(~dropped)
    if not len(kept):
        return [(int(starts[0]), int(ends[-1]), b"")]
    first = int(kept[0])
    edits = [(int(starts[0]), int(starts[first]), b"")] if first else []
    later = np.flatnonzero(dropped[first:]) + first
    pairs = zip(ends[later - 1].tolist(), ends[later].tolist(), strict=True)
    return edits + [(before, end, b"") for before, end in pairs]


def same_rows(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Tell which rows of two arrays are equal, NaN to NaN, a mask of shape (n,)."""
    return np.asarray(((first == second) | (np.isnan(first) & np.isnan(second))).all(axis=1))


def number_text(value: float) -> str:
    """Return a coordinate as text: as short as ten digits allow."""
    return f"{value:.10g}"
