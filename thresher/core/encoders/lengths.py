"""Texts in the order of their lengths, so that batches hold little padding; and what was cut.

A batch is as long as its longest text: texts of mixed lengths in their own order are mostly
padding. The vectors come back in the order of the texts, and differ from those of other batches by
rounding alone (some 1e-6), as sums over other shapes do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..counted import counted

ROWS, TOKENS = 64, 4096


@dataclass
class Cuts:
    """How many texts a model has seen the beginning of only.

    Attributes
    ----------
    longest : int
        Tokens that it sees, those that mark begin and end among them.
    count : int
        Texts that had more, so far.
    """

    longest: int
    count: int = 0


def said_of_cuts(count: int, longest: int) -> str:
    """Say how many texts were cut."""
    were = "text was" if count == 1 else "texts were"
    return f"{count:,} {were} cut at {counted(longest, 'token')}"


def cuts_of(encoder: object) -> Cuts | None:
    """Return what an encoder counts of texts that it cuts, None where it does not."""
    cuts = getattr(encoder, "cuts", None)
    return cuts if isinstance(cuts, Cuts) else None


def batches_by_length(
    lengths: np.ndarray, *, rows: int = ROWS, tokens: int = TOKENS
) -> Iterator[np.ndarray]:
    """Yield positions of texts in batches of similar length, the longest first.

    Parameters
    ----------
    lengths : ndarray of int, shape (n,)
        Tokens of each text.
    rows, tokens : int
        A batch holds as many texts at most, and as many tokens, padding counted, but one text at
        least.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        stop = start + max(1, min(rows, tokens // longest))
        yield order[start:stop]
        start = stop


def encode_by_length(
    lengths: Sequence[int], encode: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Encode texts in batches of similar length.

    Parameters
    ----------
    lengths : sequence of int, n long
        Tokens of each text, n at least one.
    encode : callable
        Takes positions of a batch and returns its vectors, float32 (m, d).

    Returns
    -------
    ndarray of float32, shape (n, d)
        In the order of the texts.
    """
    counts = np.asarray(lengths, np.int64)
    vectors = np.empty((0, 0), np.float32)
    for positions in batches_by_length(counts):
        part = encode(positions)
        if not len(vectors):
            vectors = np.empty((len(counts), part.shape[1]), np.float32)
        vectors[positions] = part
    return vectors
