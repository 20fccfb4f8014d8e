"""What all forms of k-means share: rows to fit on, and where the clusters' centers move.

Rows and centers are on a grid (`thresher.core.grid`), so that sums are exact whatever their order.
"""

from __future__ import annotations

import numpy as np

from ..grid import exact_rows


def sampled_rows(count: int, *, most: int, rng: np.random.Generator) -> np.ndarray | None:
    """Draw `most` of `count` rows, in their order; None where there are no more than that."""
    return None if count <= most else np.sort(rng.choice(count, most, replace=False))


def cluster_sums(rows: np.ndarray, owner: np.ndarray, *, clusters: int) -> np.ndarray:
    """Add up the rows, shape (n, d), of each cluster, float32, shape (clusters, d)."""
    order = np.argsort(owner, kind="stable")
    held, starts = np.unique(owner[order], return_index=True)
    sums = np.zeros((clusters, rows.shape[1]), np.float32)
    if len(held):
        sums[held] = np.add.reduceat(rows[order], starts, axis=0)
    return sums


def unit_on_grid(sums: np.ndarray) -> np.ndarray:
    """Scale rows to unit length and put them on the grid; rows of zeros stay as they are."""
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    return exact_rows(np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0))
