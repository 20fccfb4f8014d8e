"""k-center: the row farthest from everything chosen, again and again (Sener and Savarese, 2018).

The greedy order of Gonzalez (1985), exact, without a distance matrix. One pass computes the
distances of a whole block of far rows at once (one matrix product) and goes on choosing as long as
the farthest row lies in that block: 20–30 passes for 1,000 picks, where the plain algorithm reads
all embeddings 1,000 times. Time O(passes · 64 · n · d), memory O(64 · n).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.grid import on_grid

from ..pool.context import Context
from ..pool.inner_products import inner_products, squared_norms
from ..pool.selection import Picks
from .strategy import working_rows

BLOCK = 64
MEAN_BITS = 12


@dataclass(frozen=True)
class KCenter:
    """Greedy k-center on unit vectors; distances are divided by cost and multiplied by weight.

    With nothing labeled the first pick is the row farthest from the mean of the pool.
    """

    name: str = "k_center"
    needs: frozenset[str] = frozenset({"embeddings"})

    def select(self, context: Context, n: int) -> Picks:
        """Pick the farthest rows; the score is the distance from all chosen rows before it."""
        vectors, rows = context.vectors, working_rows(context)
        points, positions = vectors[rows], np.arange(len(context))[rows]
        worth = context.preference[rows].astype(np.float32)
        chosen = vectors[context.covered]
        nearest = start_distances(points, chosen=chosen, mean=vectors, device=context.device)
        barred = np.ones(len(context), dtype=bool)
        barred[context.available] = False
        places, distances = farthest_first(
            points, nearest, n=n, worth=worth, barred=barred[rows], device=context.device
        )
        return Picks.of(positions[places], scores=distances, reason="coverage")


def start_distances(
    points: np.ndarray, *, chosen: np.ndarray, mean: np.ndarray, device: str | None = None
) -> np.ndarray:
    """Return squared distances to the nearest of `chosen`, shape (m,), float32.

    With nothing chosen, the distances from the mean of the rows of `mean`.
    """
    if len(chosen):
        return nearest_squared(points, chosen, device=device)
    center = mean_row(mean)
    return np.asarray(squared_norms(points) + np.float32(center @ center) - 2 * (points @ center))


def mean_row(vectors: np.ndarray) -> np.ndarray:
    """Return the mean of rows on a grid, float32, shape (d,), so that products stay exact."""
    return on_grid(vectors.mean(axis=0, dtype=np.float64), MEAN_BITS).astype(np.float32)


def nearest_squared(
    points: np.ndarray, chosen: np.ndarray, *, step: int = 128, device: str | None = None
) -> np.ndarray:
    """Return the squared distance of each point to its nearest chosen one, shape (m,), float32."""
    norms = squared_norms(points)
    products = inner_products(points, device=device)
    result = np.full(len(points), np.inf, dtype=np.float32)
    for start in range(0, len(chosen), step):
        block = chosen[start : start + step]
        distances = products(block)
        distances *= -2
        distances += squared_norms(block)[:, None]
        np.minimum(result, distances.min(axis=0), out=result)
    return np.asarray(np.maximum(result + norms, 0))


def farthest_first(
    points: np.ndarray,
    nearest: np.ndarray,
    *,
    n: int,
    worth: np.ndarray,
    barred: np.ndarray | None = None,
    device: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Run the farthest-first traversal.

    Parameters
    ----------
    points : ndarray of float32, shape (m, d)
    nearest : ndarray of float32, shape (m,)
        Squared distance of each point to what is chosen already.
    n : int
    worth : ndarray of float32, shape (m,)
        Distances are multiplied by it before they are compared.
    barred : ndarray of bool, shape (m,), optional
        Places that may not be picked; at least `n` others.
    device : str, optional
        See `inner_products`.

    Returns
    -------
    places, scores
        Shape (n,): places in `points` and ``distance · worth`` when picked; ties by place.
    """
    norms = squared_norms(points)
    products = inner_products(points, device=device)
    nearest = np.maximum(nearest, 0)
    score = nearest * worth**2
    out = np.zeros(len(points), dtype=bool) if barred is None else barred.copy()
    score[out] = -1.0
    picks: list[int] = []
    values: list[float] = []
    while len(picks) < n:
        size = min(BLOCK, len(points), 2 * (n - len(picks)) + 2)
        block = np.argpartition(-score, size - 1)[:size]
        distances = products(points[block])
        distances *= -2
        distances += norms[None, :]
        distances += norms[block][:, None]
        slot = {int(place): number for number, place in enumerate(block)}
        while len(picks) < n:
            place = int(score.argmax())
            if place not in slot:
                break
            picks.append(place)
            values.append(float(np.sqrt(max(score[place], 0.0))))
            np.minimum(nearest, distances[slot[place]], out=nearest)
            np.maximum(nearest, 0, out=nearest)
            np.multiply(nearest, worth**2, out=score)
            nearest[place] = 0.0
            out[place] = True
            score[out] = -1.0
    return np.array(picks, dtype=np.int64), np.array(values)
