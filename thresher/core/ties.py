"""Which of nearly equal numbers comes first: settled by a rule, never by last bits.

Scores that are equal in theory differ in their last bits from one processor to the next, and so
would the row that is picked. Here numbers that are closer than `TOLERANCE` of the largest magnitude
are taken to be equal, and of equal ones the first in the order given wins. Rounding in float64 is
off by some 1e-15, a million times less: two machines disagree only where two scores are closer than
the tolerance and one of them lies within rounding of a border between steps. Scores that are equal
in theory lie on such a border once in a million times, others next to never.

`np.argsort` without ``kind="stable"`` and `np.argpartition` order equal numbers as the processor's
sorting kernel likes.
"""

from __future__ import annotations

import numpy as np

TOLERANCE = 2.0**-30
SHOWN_BITS = 14


def settled(scores: np.ndarray) -> np.ndarray:
    """Return `scores`, any shape, as whole steps of about `TOLERANCE` of the largest magnitude.

    Float64; infinite and NaN ones stay as they are.
    """
    values = np.asarray(scores, np.float64)
    largest = np.abs(values).max(initial=0.0, where=np.isfinite(values))
    # A power of two between the usual largest values, such as 1, so that rounding never moves it.
    _, exponent = np.frexp(1.4 * largest)
    return np.asarray(np.rint(np.ldexp(values, -int(exponent)) / TOLERANCE))


def highest_first(scores: np.ndarray, *, n: int | None = None) -> np.ndarray:
    """Return the places of the `n` highest scores, shape (m,), best first, ties by place."""
    return smallest_first(-settled(scores), n=n)


def lowest_first(scores: np.ndarray, *, n: int | None = None) -> np.ndarray:
    """Return the places of the `n` lowest scores, shape (m,), lowest first, ties by place."""
    return smallest_first(settled(scores), n=n)


def smallest_first(values: np.ndarray, *, n: int | None = None) -> np.ndarray:
    """Return the places of the `n` smallest values, shape (m,), smallest first, ties by place.

    As a stable sort of all, without sorting all when `n` is small.
    """
    if n is not None and 0 < n < len(values) // 8:
        last = np.partition(values, n - 1)[n - 1]
        few = np.flatnonzero(values <= last)
        if len(few) >= n:  # else the last one is NaN
            return np.asarray(few[np.argsort(values[few], kind="stable")][:n])
    return np.argsort(values, kind="stable")[:n]


def first_highest(scores: np.ndarray) -> np.ndarray:
    """Return the first place along the last axis that is within `TOLERANCE` of the highest."""
    highest = scores.max(axis=-1, keepdims=True)
    return np.asarray(np.argmax(scores >= highest - TOLERANCE * np.abs(highest), axis=-1))


def first_lowest(scores: np.ndarray) -> np.ndarray:
    """Return the first place along the last axis that is within `TOLERANCE` of the lowest."""
    return first_highest(-scores)


def highest_places(scores: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the `count` highest of each row, ascending, of equal ones the first.

    For scores that are the same on every processor, shape (n, m), float; int64, shape (n, count).
    """
    border = scores.shape[1] - count
    places = np.argpartition(scores, border, axis=1)[:, border:]
    least = np.take_along_axis(scores, places, axis=1).min(axis=1, initial=np.inf)
    crowded = np.flatnonzero(np.count_nonzero(scores >= least[:, None], axis=1) > count)
    places[crowded] = np.argsort(-scores[crowded], axis=1, kind="stable")[:, :count]
    return np.sort(places, axis=1)


def few_bits(scores: np.ndarray) -> np.ndarray:
    """Return scores, any shape, rounded to `SHOWN_BITS` significant bits, four decimal digits.

    For files that must have the same bytes wherever they are written.
    """
    parts, exponents = np.frexp(np.asarray(scores, np.float64))
    return np.asarray(np.ldexp(np.rint(np.ldexp(parts, SHOWN_BITS)), exponents - SHOWN_BITS))
