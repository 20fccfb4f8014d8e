"""How far rows lie from the bulk, seen in several ways, and where the tail of that ends.

Rows that are alike vouch for each other: to their nearest neighbors, five pages among photographs
are no farther than five photographs. So each row is also compared with the fortieth nearest of a
sample of all rows, which a small group does not reach, and with the mean direction of all. Each way
of seeing is scaled by its own quartiles, and what lies above the median is added as squares: a row
that is far in one way counts as far, one that is a little far in all ways nearly so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from thresher.core.matrices import as_matrix
from thresher.core.randomness import RandomState, check_random_state

# The nearest of so many rows at most that a row is compared with, and of how many of them.
SAMPLE = 1_000
BEYOND = 40
FEWEST_BEYOND = 10
BLOCK = 4_096
# A twentieth of the median is added before taking logs, in which a copy at distance 0 is near, and
# not infinitely so; where all are copies but for rounding, nothing is far.
NEAR, ROUNDING = 0.05, 1e-6
LEAST_WIDTH = 0.05
# Of an exponential tail, as the sum of a few squares has it, this share is cut off.
BEYOND_CUT = 5e-4
TAIL = (0.75, 0.9)
# Where a tenth of the rows or more are strangers, they make the tail. The half below it ends sooner
# than the tail does: of clean sets of images and numbers the tail cuts at 1.7 to 3.6 times as much.
# A body that is nearly a point ends nowhere, and cuts at no less than this.
BODY, LONGER, LEAST_OF_BODY = (0.5, 0.75), 2.5, 8.0
# Nothing is far that is less than two widths of the bulk away.
LEAST_CUT = 4.0
# A property counts for at most so many of its quartile widths.
MOST_WIDTHS = 12.0


def beyond_groups(vectors: np.ndarray, known: np.ndarray, random_state: RandomState) -> np.ndarray:
    """Return 1 − cosine to the 40th nearest of all rows, or of a sample; float64, shape (n,).

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
        Of unit length. O(n d) with a sample of 1,000 rows, of which as many count as belong to 40
        of all rows, 10 at least.
    known : ndarray of bool, shape (n,)
        Rows that have a direction; the others get NaN.
    random_state : int, numpy.random.Generator or None
        Draws the sample where there are more rows than its size.
    """
    rows = np.flatnonzero(known)
    sample = rows
    if len(rows) > SAMPLE:
        drawn = check_random_state(random_state).choice(len(rows), SAMPLE, replace=False)
        sample = rows[np.sort(drawn)]
    rank = max(FEWEST_BEYOND, round(BEYOND * len(sample) / max(len(rows), 1)))
    rank = min(rank, len(sample) // 5 if len(sample) >= 5 * FEWEST_BEYOND else FEWEST_BEYOND)
    rank = min(rank, len(sample) - 1)
    result = np.full(len(vectors), np.nan)
    others = np.asarray(vectors[sample]).T
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        similar = np.asarray(vectors[block]) @ others
        similar[block[:, None] == sample] = np.inf  # itself, which stands first and is left out
        nearest = -np.partition(-similar, rank, axis=1)[:, rank]
        result[block] = np.maximum(1 - nearest.astype(np.float64), 0)
    return result


def from_mean_direction(vectors: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return 1 − cosine to the mean of unit vectors, (n, d); float64 (n,), NaN where unknown.

    Where the vectors point all ways, their mean is as short as that of random ones and says
    nothing: its length counts as longer by that, so that all distances come near to 1.
    """
    result = np.full(len(vectors), np.nan)
    rows = np.flatnonzero(known)
    blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
    mean = np.zeros(vectors.shape[1])
    for block in blocks:
        mean += vectors[block].sum(axis=0, dtype=np.float64)
    # Of the sums: random unit vectors have one of length √n.
    mean /= np.sqrt(mean @ mean + len(rows)) if len(rows) else 1.0
    for block in blocks:
        result[block] = 1 - vectors[block] @ mean
    return result


def in_logs(distances: np.ndarray) -> np.ndarray:
    """Return logs of distances, float (n,), in which their tail is light; NaN stays."""
    usual = float(np.nanmedian(distances)) if np.isfinite(distances).any() else 0.0
    return np.asarray(np.log(distances + NEAR * usual + ROUNDING))


def unusual(properties: Mapping[str, Sequence[float] | np.ndarray]) -> np.ndarray:
    """Return how unusual rows are by what was measured of them, float64, shape (n,).

    The root mean square over the properties, each as a distance from its median in units of the
    quartile on that side; then log (1 + …), since such sums have long tails. What was not measured,
    NaN, counts as usual.
    """
    total: np.ndarray | float = 0.0
    for name, values in properties.items():
        column = as_matrix(f"properties[{name!r}]", np.asarray(values)[:, None])[:, 0]
        total = total + _widths(column.astype(np.float64)) ** 2
    return np.asarray(np.log1p(np.sqrt(total / max(len(properties), 1))))


def _widths(column: np.ndarray) -> np.ndarray:
    finite = np.isfinite(column)
    if not finite.any():
        return np.zeros(len(column))
    lower, median, upper = np.quantile(column[finite], [0.25, 0.5, 0.75])
    least = max(0.1 * (upper - lower), 0.2 * float(column[finite].std()), 1e-9)
    away = np.where(finite, column - median, 0.0)
    scaled = np.where(
        away > 0, away / max(upper - median, least), -away / max(median - lower, least)
    )
    return np.asarray(np.minimum(scaled, MOST_WIDTHS))


def typicality(ways: Sequence[np.ndarray], pool: np.ndarray) -> np.ndarray:
    """Map distances to 0–1: 1 at the medians or nearer, 0.5 at the cut, towards 0 beyond.

    Parameters
    ----------
    ways : sequence of ndarray of float, each shape (n,)
        Distances of all rows, each seen in its way.
    pool : ndarray of int
        Rows whose bulk the others are compared with.
    """
    total = np.zeros(len(ways[0]))
    for values in ways:
        lower, median, upper = np.quantile(values[pool], [0.25, 0.5, 0.75])
        width = max(upper - lower, LEAST_WIDTH)
        total += np.maximum((values - median) / width, 0) ** 2
    return np.asarray(1 / (1 + (total / _cut(total[pool])) ** 2))


def _cut(totals: np.ndarray) -> float:
    """Extend the tail of the bulk to where hardly a row should be.

    If more rows lie beyond where its body ends than just before, they are no tail of it.
    """
    tail = _extended(totals, TAIL)
    body = max(LONGER * _extended(totals, BODY), LEAST_OF_BODY)
    beyond, before = (totals > body).sum(), ((totals > body / 2) & (totals <= body)).sum()
    return max(min(tail, body) if beyond > before else tail, LEAST_CUT)


def _extended(totals: np.ndarray, shares: tuple[float, float]) -> float:
    """Return where an exponential tail through two quantiles leaves `BEYOND_CUT` beyond."""
    inner, outer = np.quantile(totals, shares)
    scale = (outer - inner) / np.log((1 - shares[0]) / (1 - shares[1]))
    return float(inner + scale * np.log((1 - shares[0]) / BEYOND_CUT))
