"""A partition of unit vectors into cells by spherical k-means, the coarse part of an IVF index.

Jégou, Douze, Schmid, "Product quantization for nearest neighbor search", PAMI 2011 (the inverted
file); Dhillon & Modha, "Concept decompositions for large sparse text data", 2001 (spherical
k-means). Fitting costs about 160 c² d multiply-adds for c cells, assignment n c d.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..progress import track

ROWS_PER_CELL, ITERATIONS = 32, 5
BLOCK_PRODUCTS = 1 << 23


def count_cells(rows: int) -> int:
    """Return 4 √n cells, at most one for every eight rows."""
    return max(1, min(int(4 * np.sqrt(rows)), rows // 8))


def fit_centroids(vectors: np.ndarray, cells: int, rng: np.random.Generator) -> np.ndarray:
    """Fit unit-length centroids, float32, shape (cells, d), on sampled rows.

    A centroid whose cell runs empty is moved to a random sampled row.
    """
    count = min(len(vectors), ROWS_PER_CELL * cells)
    sample = np.asarray(vectors[np.sort(rng.choice(len(vectors), count, replace=False))])
    centroids = sample[rng.choice(count, cells, replace=False)].copy()
    for _ in range(ITERATIONS):
        owner = nearest_cells(sample, centroids, 1)[:, 0]
        centroids = _means(sample, owner, cells=cells)
        empty = np.flatnonzero(~centroids.any(axis=1))
        centroids[empty] = sample[rng.choice(count, len(empty))]
    return centroids


def _means(rows: np.ndarray, owner: np.ndarray, *, cells: int) -> np.ndarray:
    order = np.argsort(owner, kind="stable")
    held, starts = np.unique(owner[order], return_index=True)
    sums = np.zeros((cells, rows.shape[1]), np.float32)
    sums[held] = np.add.reduceat(rows[order], starts, axis=0)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    np.divide(sums, norms, out=sums, where=norms > 0)
    return sums


def nearest_cells(vectors: np.ndarray, centroids: np.ndarray, count: int) -> np.ndarray:
    """Return the `count` nearest cells of each row, int32, shape (n, count); its own comes first.

    The others stand in no particular order.
    """
    result = np.empty((len(vectors), count), np.int32)
    step = max(1, BLOCK_PRODUCTS // len(centroids))
    starts = range(0, len(vectors), step)
    for start in track(starts, description="assign rows to cells") if len(starts) > 1 else starts:
        products = np.asarray(vectors[start : start + step]) @ centroids.T
        own = products.argmax(axis=1)
        block = result[start : start + step]
        if count > 1:
            products[np.arange(len(own)), own] = np.inf
            places = np.argpartition(products, -count, axis=1)[:, -count:]
            order = np.argsort(places != own[:, None], axis=1, kind="stable")
            block[:] = np.take_along_axis(places, order, 1)
        else:
            block[:, 0] = own
    return result


def cells_needed(
    vectors: np.ndarray, centroids: np.ndarray, first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """Return how many nearest cells of row `first` must be searched to meet row `second`.

    Parameters
    ----------
    first, second : ndarray of int64, shape (m,)

    Returns
    -------
    ndarray of int64, shape (m,)
        1 where both rows have the same cell.
    """
    result = np.empty(len(first), np.int64)
    step = max(1, BLOCK_PRODUCTS // len(centroids) // 2)
    for start in range(0, len(first), step):
        span = slice(start, start + step)
        own = (vectors[second[span]] @ centroids.T).argmax(axis=1)
        products = vectors[first[span]] @ centroids.T
        reached = np.take_along_axis(products, own[:, None], axis=1)
        result[span] = (products > reached).sum(axis=1) + 1
    return result


def meetings(
    probed: np.ndarray, *, cells: int, owner: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield for each cell the rows that search it and the rows that it holds.

    Parameters
    ----------
    probed : ndarray of int32, shape (b, p)
        Cells that each searching row looks into.
    owner : ndarray of int32, shape (n,)
        Cell of each row that can be found.
    """
    probes = probed.shape[1]
    by_probe = np.argsort(probed.ravel(), kind="stable")
    by_owner = np.argsort(owner, kind="stable")
    probe_ends = np.cumsum(np.bincount(probed.ravel(), minlength=cells))
    owner_ends = np.cumsum(np.bincount(owner, minlength=cells))
    for cell in range(cells):
        start = probe_ends[cell - 1] if cell else 0
        searching = by_probe[start : probe_ends[cell]] // probes
        held = by_owner[(owner_ends[cell - 1] if cell else 0) : owner_ends[cell]]
        if len(searching) and len(held):
            yield searching, held
