"""Spherical k-means with k-means++ seeds, and the hierarchy of it.

Arthur and Vassilvitskii (2007) for the seeds; Dhillon and Modha (2001) for the cosine. Costs
O(iterations · n k d) time and O(n · block) memory.
"""

from __future__ import annotations

import numpy as np

from thresher.core.numerics.kmeans import cluster_sums, sampled_rows, unit_on_grid

BLOCK_CELLS = 8_000_000
MOST_SAMPLED = 64


def spherical_kmeans(
    vectors: np.ndarray, k: int, *, rng: np.random.Generator, iterations: int = 12
) -> tuple[np.ndarray, np.ndarray]:
    """Cluster unit vectors on a grid, shape (n, d), into at most `k` clusters.

    Returns
    -------
    centers : ndarray of float32, shape (k', d)
        Unit length, on the grid; empty clusters are left out. Ties go to the first center.
    cluster_of : ndarray of int64, shape (n,)
    """
    k = max(1, min(k, len(vectors)))
    places = sampled_rows(len(vectors), most=k * MOST_SAMPLED, rng=rng)
    sample = vectors if places is None else vectors[places]
    centers = _seeds(sample, k, rng)
    for _ in range(iterations):
        nearest, similarity = assign(sample, centers)
        centers = _means(sample, nearest, centers, similarity)
    nearest, _ = assign(vectors, centers)
    used, nearest = np.unique(nearest, return_inverse=True)
    return centers[used], nearest.astype(np.int64)


def assign(vectors: np.ndarray, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest center of each row and the cosine to it, each shape (n,)."""
    nearest = np.empty(len(vectors), dtype=np.int64)
    similarity = np.empty(len(vectors), dtype=np.float32)
    block = max(1, BLOCK_CELLS // len(centers))
    for start in range(0, len(vectors), block):
        products = vectors[start : start + block] @ centers.T
        nearest[start : start + block] = products.argmax(axis=1)
        similarity[start : start + block] = products.max(axis=1)
    return nearest, similarity


def _seeds(vectors: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Draw seeds with probability proportional to 1 − cosine to the nearest seed so far."""
    chosen = [int(rng.integers(len(vectors)))]
    distance = np.full(len(vectors), np.inf)
    while len(chosen) < k:
        distance = np.minimum(distance, np.maximum(1 - vectors @ vectors[chosen[-1]], 0))
        total = distance.sum()
        if total <= 1e-9 * len(vectors):
            break
        drawn = int(np.searchsorted(np.cumsum(distance), rng.random() * total))
        chosen.append(min(drawn, len(vectors) - 1))
    return vectors[chosen].astype(np.float32)


def _means(
    vectors: np.ndarray, nearest: np.ndarray, centers: np.ndarray, similarity: np.ndarray
) -> np.ndarray:
    sums = cluster_sums(vectors, nearest, clusters=len(centers))
    lost = np.flatnonzero(~sums.any(axis=1))
    # An empty cluster starts again at the rows that fit their center worst.
    sums[lost] = vectors[np.argsort(similarity, kind="stable")[: len(lost)]]
    return unit_on_grid(sums)
