"""Greedy coverage without an n × n matrix: the engine below MaxHerding, UHerding and ProbCover.

Maximizes F(S) = Σ_j w_j · max_{i in S} k(x_i, x_j) over the points j. F is submodular, so a gain
computed earlier bounds the gain now (Minoux, 1978, lazy greedy): after one pass for the first
bounds, in float32, only a few rows are computed again for each pick, in float64. The picks are
those of the plain greedy algorithm; of gains equal but for rounding the first row's counts. Time
O(n · m · d) for m points, memory O(block · m).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from thresher.core.ties import TOLERANCE

from ..pool.inner_products import closeness

# Takes −‖x − x'‖² / 2, any shape, float32 or float64, and may overwrite it.
Kernel = Callable[[np.ndarray], np.ndarray]
BLOCK_VALUES = 1 << 21
FIRST_BLOCK = 8
# More than a gain in float32 can be too low: of the weight of all points, summed in parts.
ROUNDING, PART = 2e-6, 4096


@dataclass(frozen=True)
class Points:
    """What is to be covered.

    Attributes
    ----------
    vectors : ndarray of float32, shape (m, d)
        Unit length, on a grid.
    weights : ndarray of float64, shape (m,)
    covered : ndarray of float64, shape (m,)
        Largest kernel value to what is chosen already.
    device : str or None
        See `inner_products`.
    """

    vectors: np.ndarray
    weights: np.ndarray
    covered: np.ndarray
    device: str | None = None


def gaussian(radius: float) -> Kernel:
    """Return the kernel exp(−‖x − x'‖² / radius²)."""
    scale = 2.0 / max(radius, 1e-6) ** 2

    def kernel(close: np.ndarray) -> np.ndarray:
        close *= close.dtype.type(scale)
        return np.asarray(np.exp(close, out=close))

    return kernel


def top_hat(radius: float) -> Kernel:
    """Return the kernel that is 1 within `radius` (Euclidean) and 0 beyond."""
    least = np.float32(-(radius**2) / 2.0)

    def kernel(close: np.ndarray) -> np.ndarray:
        return np.asarray(close >= least, dtype=close.dtype)

    return kernel


def cover(
    vectors: np.ndarray, chosen: np.ndarray, *, kernel: Kernel, device: str | None = None
) -> np.ndarray:
    """Return the largest kernel value of each vector to `chosen`, float64, shape (m,)."""
    if not len(chosen):
        return np.zeros(len(vectors))
    close = closeness(vectors, device=device)
    nearest = np.full(len(vectors), -np.inf, dtype=np.float32)
    step = max(1, BLOCK_VALUES // max(1, len(vectors)))
    for start in range(0, len(chosen), step):
        np.maximum(nearest, close(chosen[start : start + step]).max(axis=0), out=nearest)
    return kernel(nearest.astype(np.float64))


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
    places = np.empty(n, dtype=np.int64)
    gains = np.empty(n)
    for pick in range(n):
        place = search.best(covered=covered, pick=pick)
        places[pick], gains[pick] = place, search.bounds[place]
        np.maximum(covered, search.values(np.array([place]))[0], out=covered)
        search.bounds[place] = -np.inf
    return places, gains


class _LazySearch:
    """Upper bounds of all gains, and for which pick each was computed; −1 for the first bounds."""

    def __init__(
        self, rows: np.ndarray, points: Points, *, kernel: Kernel, worth: np.ndarray
    ) -> None:
        self.rows, self.points, self.kernel, self.worth = rows, points, kernel, worth
        self.close = closeness(points.vectors, device=points.device)
        self.bounds = self._first_bounds()
        self.computed = np.full(len(rows), -1)

    def best(self, *, covered: np.ndarray, pick: int) -> int:
        """Return the place of the largest true gain, of gains equal but for rounding the first."""
        size = FIRST_BLOCK
        while True:
            highest = self.bounds.max()
            first = np.flatnonzero(self.bounds >= highest - TOLERANCE * abs(highest))
            # A bound of 0 is the gain itself.
            stale = first[(self.computed[first] != pick) & (self.bounds[first] > 0)]
            if not len(stale):
                return int(first[0])
            self.refresh(self._next(size, stale, pick=pick), covered=covered, pick=pick)
            size = min(2 * size, 256)

    def values(self, places: np.ndarray) -> np.ndarray:
        """Return the kernel values of rows to all points, float64, shape (b, m)."""
        return self.kernel(self.close(self.rows[places]).astype(np.float64))

    def refresh(self, places: np.ndarray, *, covered: np.ndarray, pick: int) -> None:
        """Compute the gains of `places` again."""
        for block in self._blocks(places):
            values = self.values(block)
            values -= covered
            np.maximum(values, 0, out=values)
            self.bounds[block] = (values @ self.points.weights) * self.worth[block]
            self.computed[block] = pick

    def _next(self, size: int, stale: np.ndarray, *, pick: int) -> np.ndarray:
        """Return `stale` and the highest `size` bounds, as far as they are not those of now."""
        size = min(size, len(self.bounds))
        highest = np.argpartition(-self.bounds, size - 1)[:size]
        old = highest[(self.computed[highest] != pick) & (self.bounds[highest] > 0)]
        return np.union1d(old, stale)

    def _first_bounds(self) -> np.ndarray:
        """Return bounds of all gains from float32, raised by what rounding can have taken."""
        covered = self.points.covered.astype(np.float32)
        weights = self.points.weights.astype(np.float32)
        bounds = np.empty(len(self.rows))
        room: np.ndarray | None = None
        for block in self._blocks(np.arange(len(self.rows))):
            if room is None:
                room = np.empty((len(block), len(weights)), np.float32)
            values = self.kernel(self.close(self.rows[block], room[: len(block)]))
            values -= covered
            np.maximum(values, 0, out=values)
            gains = np.zeros(len(block))
            for start in range(0, len(weights), PART):
                gains += values[:, start : start + PART] @ weights[start : start + PART]
            bounds[block] = gains * self.worth[block]
        return np.asarray(bounds + ROUNDING * self.points.weights.sum() * self.worth)

    def _blocks(self, places: np.ndarray) -> Iterator[np.ndarray]:
        step = max(1, BLOCK_VALUES // max(1, len(self.points.vectors)))
        for start in range(0, len(places), step):
            yield places[start : start + step]
