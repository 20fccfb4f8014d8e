"""Which records are closest to which, and which of them are so both ways.

Costs one sparse product of both sources; a block of it is dense at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from thresher.core.progress import track
from thresher.core.ties import highest_places

# Cells of one dense block of similarities.
BLOCK_CELLS = 4_000_000
# Closest ones kept for each record.
CLOSEST = 8

Closest = tuple[np.ndarray, np.ndarray]
Sides = tuple[Closest, Closest]


@dataclass(frozen=True)
class Pairs:
    """Pairs of records, arrays of shape (k,).

    Attributes
    ----------
    left, right : ndarray of int64
        Positions in the two sources.
    similarity, lead : ndarray of float32
        Cosine; by how much it is above the next closest of either record.
    """

    left: np.ndarray
    right: np.ndarray
    similarity: np.ndarray
    lead: np.ndarray

    @property
    def features(self) -> np.ndarray:
        """What pairs are told apart by, float32, shape (k, 3)."""
        return np.stack([self.similarity, self.lead, self.similarity * self.lead], axis=1)

    @property
    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """All four arrays."""
        return self.left, self.right, self.similarity, self.lead

    def scaled(self, places: np.ndarray, scale: float) -> Pairs:
        """Return the pairs at `places`, as much more alike as `scale` says."""
        similarity = np.minimum(self.similarity[places] * scale, 1)
        return Pairs(self.left[places], self.right[places], similarity, self.lead[places] * scale)


def closest(own: sparse.csr_matrix, others: sparse.csr_matrix, count: int = CLOSEST) -> Closest:
    """Return positions and similarities of the closest `count` others of each row, (n, count)."""
    n, m = own.shape[0], others.shape[0]
    positions, scores = np.empty((n, count), np.int64), np.empty((n, count), np.float32)
    rows = max(1, BLOCK_CELLS // m)
    transposed = others.T.tocsr()
    for start in track(range(0, n, rows), description="compare records"):
        block = (own[start : start + rows] @ transposed).toarray()
        first = highest_places(block, count)
        found = np.take_along_axis(block, first, axis=1)
        order = np.argsort(-found, axis=1, kind="stable")
        positions[start : start + rows] = np.take_along_axis(first, order, axis=1)
        scores[start : start + rows] = np.take_along_axis(found, order, axis=1)
    return positions, scores


def mutual(best: Sides, *, taken: Pairs | None) -> Pairs:
    """Return the pairs of which each is the other's closest, apart from those `taken`."""
    partners = [np.full(len(positions), -1) for positions, _ in best]
    if taken is not None:
        partners[0][taken.left], partners[1][taken.right] = taken.right, taken.left
    (right, ahead), (left, ahead_right) = (
        _two_left(found, partner) for found, partner in zip(best, partners, strict=True)
    )
    rows = np.arange(len(right))
    both = np.flatnonzero((left[right] == rows) & (ahead[:, 0] > 0))
    chosen = right[both]
    similarity = ahead[both, 0]
    next_best = np.maximum(ahead[both, 1], ahead_right[chosen, 1])
    return Pairs(both, chosen, similarity, similarity - next_best)


def _two_left(found: Closest, partner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the closest but for the partner, (n,); its similarity and the next one's, (n, 2)."""
    positions, scores = found
    order = np.argsort(positions == partner[:, None], axis=1, kind="stable")
    return (
        np.take_along_axis(positions, order, axis=1)[:, 0],
        np.take_along_axis(scores, order, axis=1)[:, :2],
    )


def without_self(found: Closest) -> Closest:
    """Leave out each row itself, or the last where equal ones came before it."""
    positions, scores = found
    own = positions == np.arange(len(positions))[:, None]
    own[~own.any(axis=1), -1] = True
    shape = len(positions), positions.shape[1] - 1
    return positions[~own].reshape(shape), scores[~own].reshape(shape)
