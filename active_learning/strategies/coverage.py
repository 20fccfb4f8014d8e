"""Greedy coverage without an n × n matrix: the engine below MaxHerding, UHerding and ProbCover.

Maximises F(S) = Σ_j w_j · max_{i in S} k(x_i, x_j) over the points j. F is submodular, so a gain
computed earlier bounds the gain now (Minoux, 1978, lazy greedy): after one pass for the first
gains, only a few rows are computed again for each pick. The picks are those of the plain greedy
algorithm. Time O(n · m · d) for m points, memory O(block · m).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..inner_products import inner_products

Kernel = Callable[[np.ndarray], np.ndarray]
BLOCK_VALUES = 1 << 21
FIRST_BLOCK = 8


@dataclass(frozen=True)
class Points:
    """What is to be covered.

    Attributes
    ----------
    vectors : ndarray of float32, shape (m, d)
        Unit length.
    weights : ndarray of float32, shape (m,)
    covered : ndarray of float32, shape (m,)
        Largest kernel value to what is chosen already.
    device : str or None
        See `inner_products`.
    """

    vectors: np.ndarray
    weights: np.ndarray
    covered: np.ndarray
    device: str | None = None


def gaussian(radius: float) -> Kernel:
    """Return the kernel exp(−‖x − x'‖² / radius²) of cosine similarities; works in place."""
    scale = np.float32(2.0 / max(radius, 1e-6) ** 2)

    def kernel(similarities: np.ndarray) -> np.ndarray:
        similarities -= np.float32(1.0)
        similarities *= scale
        np.exp(similarities, out=similarities)
        return similarities

    return kernel


def top_hat(radius: float) -> Kernel:
    """Return the kernel that is 1 within `radius` (Euclidean, unit vectors) and 0 beyond."""
    least = np.float32(1.0 - radius**2 / 2.0)

    def kernel(similarities: np.ndarray) -> np.ndarray:
        return np.asarray(similarities >= least, dtype=np.float32)

    return kernel


def cover(
    vectors: np.ndarray, chosen: np.ndarray, *, kernel: Kernel, device: str | None = None
) -> np.ndarray:
    """Return the largest kernel value of each vector to `chosen`, float32, shape (m,)."""
    similarities = inner_products(vectors, device=device)
    result = np.zeros(len(vectors), dtype=np.float32)
    step = max(1, BLOCK_VALUES // max(1, len(vectors)))
    for start in range(0, len(chosen), step):
        values = kernel(similarities(chosen[start : start + step]))
        np.maximum(result, values.max(axis=0), out=result)
    return result


def greedy_coverage(
    rows: np.ndarray, points: Points, *, n: int, kernel: Kernel, worth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Choose `n` of `rows`, each time the one with the largest gain · worth.

    Parameters
    ----------
    rows : ndarray of float32, shape (r, d)
        Rows to choose from, unit length.
    points : Points
    n : int
        At most r.
    kernel : Kernel
    worth : ndarray, shape (r,)

    Returns
    -------
    places, gains
        Shape (n,): places in `rows` and ``gain · worth`` when picked; ties by place.
    """
    covered = points.covered.copy()
    search = _LazySearch(rows, points, kernel=kernel, worth=worth)
    search.refresh(np.arange(len(rows)), covered=covered, pick=0)
    places = np.empty(n, dtype=np.int64)
    gains = np.empty(n)
    for pick in range(n):
        place = search.best(covered=covered, pick=pick)
        places[pick], gains[pick] = place, search.bounds[place]
        np.maximum(covered, kernel(search.similarities(rows[place])), out=covered)
        search.bounds[place] = -np.inf
    return places, gains


class _LazySearch:
    """Upper bounds of all gains, and for which pick each was computed."""

    def __init__(
        self, rows: np.ndarray, points: Points, *, kernel: Kernel, worth: np.ndarray
    ) -> None:
        self.rows, self.points, self.kernel, self.worth = rows, points, kernel, worth
        self.similarities = inner_products(points.vectors, device=points.device)
        self.bounds = np.empty(len(rows))
        self.computed = np.full(len(rows), -1)

    def best(self, *, covered: np.ndarray, pick: int) -> int:
        """Return the place of the largest true gain."""
        size = FIRST_BLOCK
        while True:
            top = int(self.bounds.argmax())
            # A bound of 0 is the gain itself.
            if self.computed[top] == pick or self.bounds[top] <= 0:
                return top
            self.refresh(self._stale(size, top=top, pick=pick), covered=covered, pick=pick)
            size = min(2 * size, 256)

    def _stale(self, size: int, *, top: int, pick: int) -> np.ndarray:
        size = min(size, len(self.bounds))
        highest = np.argpartition(-self.bounds, size - 1)[:size]
        stale = highest[(self.computed[highest] != pick) & (self.bounds[highest] > 0)]
        return np.union1d(stale, top)

    def refresh(self, places: np.ndarray, *, covered: np.ndarray, pick: int) -> None:
        """Compute the gains of `places` again."""
        vectors, weights = self.points.vectors, self.points.weights
        step = max(1, BLOCK_VALUES // max(1, len(vectors)))
        for start in range(0, len(places), step):
            block = places[start : start + step]
            values = self.kernel(self.similarities(self.rows[block]))
            values -= covered
            np.maximum(values, 0, out=values)
            self.bounds[block] = (values @ weights) * self.worth[block]
            self.computed[block] = pick
