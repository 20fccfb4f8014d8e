"""k-means by Lloyd's algorithm on unit vectors, seeded by exact k-means++.

Lloyd (1982). Centroids are fitted on at most 64 points each, which is what large k-means needs in
practice, and all points are assigned once at the end. Time O(n · k · d), memory O(block · k).
"""

from __future__ import annotations

import numpy as np

from thresher.core.grid import exact_rows
from thresher.core.numerics.kmeans import cluster_sums, sampled_rows

from ..pool.inner_products import inner_products, squared_norms
from .seeding import squared_distance_sampling

POINTS_PER_CENTROID = 64
BLOCK_VALUES = 1 << 21


def k_means(
    vectors: np.ndarray,
    *,
    clusters: int,
    rng: np.random.Generator,
    rows: np.ndarray | None = None,
    rounds: int = 8,
    device: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Cluster vectors, or the `rows` of them, which are never copied as a whole.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
        On the grid of `exact_rows`, as the centroids will be: ties go to the first centroid.
    clusters : int
        At most n.
    rng : Generator
    rows : ndarray of int64, shape (m,), optional
        Default all.
    rounds : int
        Most Lloyd rounds; fewer when nothing moves any more.
    device : str, optional
        See `inner_products`.

    Returns
    -------
    centroids : ndarray of float32, shape (clusters, d)
    assignment : ndarray of int64, shape (m,)
        Nearest centroid of each row.
    """
    rows = np.arange(len(vectors)) if rows is None else rows
    places = sampled_rows(len(rows), most=POINTS_PER_CENTROID * clusters, rng=rng)
    sample = vectors[rows if places is None else rows[places]]
    centroids = sample[_seeds(sample, clusters=clusters, rng=rng, device=device)].copy()
    before = np.full(len(sample), -1)
    for _ in range(rounds):
        assignment = assign(sample, centroids, device=device)
        if (assignment == before).all():
            break
        before = assignment
        counts = np.bincount(assignment, minlength=clusters)
        held = counts > 0
        sums = cluster_sums(sample, assignment, clusters=clusters)[held]
        centroids[held] = exact_rows(sums / counts[held, None])
    step = max(1, BLOCK_VALUES // len(centroids))
    parts = [
        assign(vectors[rows[start : start + step]], centroids, device=device)
        for start in range(0, len(rows), step)
    ]
    return centroids, np.concatenate(parts)


def assign(points: np.ndarray, centroids: np.ndarray, *, device: str | None = None) -> np.ndarray:
    """Return the nearest centroid of each point, int64, shape (n,); ties go to the first."""
    affinity = inner_products(centroids, device=device)(points)
    affinity -= squared_norms(centroids) / 2
    return np.asarray(affinity.argmax(axis=1))


def _seeds(
    points: np.ndarray, *, clusters: int, rng: np.random.Generator, device: str | None
) -> np.ndarray:
    norms = squared_norms(points)
    products = inner_products(points, device=device)

    def distances(block: np.ndarray) -> np.ndarray:
        return np.asarray(norms[block][:, None] + norms - 2 * products(points[block]))

    places, _ = squared_distance_sampling(
        distances,
        start=np.full(len(points), 4.0, dtype=np.float32),
        n=clusters,
        rng=rng,
        worth=np.ones(len(points)),
    )
    return places
