"""Core sets from the geometry of the embeddings: k-center, facility location, clusters.

Every function takes unit vectors, shape (n, d), and returns `n` distinct positions in the order of
choice. None makes an n × n matrix.
"""

from __future__ import annotations

import heapq

import numpy as np

from .clusters import assign, spherical_kmeans

# Facility location sees the rows through this many representatives.
WITNESSES = 2000


def k_center(vectors: np.ndarray, n: int) -> np.ndarray:
    """Take the row farthest from those taken so far (Gonzalez, 1985; Sener and Savarese, 2018).

    The farthest row is at most twice as far from the set as in the best set. O(n_rows · n · d).
    """
    mean = vectors.mean(axis=0)
    chosen = np.empty(n, dtype=np.int64)
    # The most central row first: the order then does not depend on a draw.
    chosen[0] = int(np.argmax(vectors @ mean))
    nearest = np.full(len(vectors), -np.inf, dtype=np.float32)
    for step in range(1, n):
        np.maximum(nearest, vectors @ vectors[chosen[step - 1]], out=nearest)
        nearest[chosen[step - 1]] = np.inf
        chosen[step] = int(nearest.argmin())
    return chosen


def facility_location(vectors: np.ndarray, n: int, *, rng: np.random.Generator) -> np.ndarray:
    """Maximise the sum over rows of the similarity to their nearest chosen row, lazily greedy.

    Mirzasoleiman, Bilmes and Leskovec (2020) and Minoux (1978): the greedy set reaches at least
    63 % of the best sum. The sum runs over at most `WITNESSES` drawn rows. Costs O(n_rows ·
    witnesses · d) at the start, then O(witnesses · d) for each of few looks.
    """
    witnesses = vectors
    if len(vectors) > WITNESSES:
        witnesses = vectors[np.sort(rng.choice(len(vectors), WITNESSES, replace=False))]
    best = np.zeros(len(witnesses), dtype=np.float32)
    gains = np.concatenate(
        [
            np.maximum(vectors[start : start + 1000] @ witnesses.T, 0).sum(axis=1)
            for start in range(0, len(vectors), 1000)
        ]
    )
    queue = [(-float(gain), row) for row, gain in enumerate(gains)]
    heapq.heapify(queue)
    chosen: list[int] = []
    while len(chosen) < n:
        _, row = heapq.heappop(queue)
        similarity = np.maximum(witnesses @ vectors[row], best)
        gain = float((similarity - best).sum())
        # Gains only shrink: a fresh gain that still beats the next stale one is the greatest.
        if not queue or gain >= -queue[0][0] - 1e-6:
            chosen.append(row)
            best = similarity
        else:
            heapq.heappush(queue, (-gain, row))
    return np.asarray(chosen, dtype=np.int64)


def semdedup(vectors: np.ndarray, n: int, *, rng: np.random.Generator) -> np.ndarray:
    """Drop the rows most similar to a kept row of their cluster until `n` are left.

    Abbas et al., "SemDeDup" (2023), with its budget instead of a threshold, and with stars instead
    of chains: within a cluster rows are ordered by distance from the center, far ones first as in
    the paper, and each is judged by its nearest row among those before it.
    """
    closest = np.full(len(vectors), -1.0, dtype=np.float32)
    centers, cluster_of = spherical_kmeans(vectors, _square_root(len(vectors)), rng=rng)
    for cluster, center in enumerate(centers):
        rows = np.flatnonzero(cluster_of == cluster)
        rows = rows[np.argsort(vectors[rows] @ center, kind="stable")]
        # Only the lower triangle: rows before this one.
        for start in range(0, len(rows), 2000):
            block = rows[start : start + 2000]
            products = vectors[block] @ vectors[rows[: start + len(block)]].T
            before = np.tri(len(block), start + len(block), start - 1, dtype=bool)
            closest[block] = np.where(before, products, -1.0).max(axis=1)
    return np.argsort(closest, kind="stable")[:n]


def prototypes(vectors: np.ndarray, n: int, *, rng: np.random.Generator) -> np.ndarray:
    """Take the rows farthest from the center of their cluster (Sorscher et al., 2022).

    "Beyond neural scaling laws": where rows are plenty, the prototypical ones are the ones to
    leave out.
    """
    centers, _ = spherical_kmeans(vectors, _square_root(len(vectors)), rng=rng)
    _, similarity = assign(vectors, centers)
    return np.argsort(similarity, kind="stable")[:n]


def hierarchical_kmeans(vectors: np.ndarray, n: int, *, rng: np.random.Generator) -> np.ndarray:
    """Take rows evenly over clusters of clusters (Vo et al., 2024), nearest to the centers first.

    Two levels: the budget goes evenly to the upper clusters, within each evenly to its lower ones.
    """
    lower, lower_of = spherical_kmeans(vectors, _square_root(len(vectors)), rng=rng)
    upper_of_lower = spherical_kmeans(lower, _square_root(len(lower)), rng=rng)[1]
    upper_of = upper_of_lower[lower_of]
    similarity = np.einsum("nd,nd->n", vectors, lower[lower_of])
    chosen = []
    for upper, share in enumerate(even_budgets(np.bincount(upper_of), n)):
        mine = np.flatnonzero(upper_of == upper)
        groups = np.unique(lower_of[mine], return_inverse=True)[1]
        for group, count in enumerate(even_budgets(np.bincount(groups), int(share))):
            rows = mine[groups == group]
            chosen.append(rows[np.argsort(-similarity[rows], kind="stable")[:count]])
    return np.concatenate(chosen)


def even_budgets(sizes: np.ndarray, n: int) -> np.ndarray:
    """Share `n` as evenly as `sizes` allow: nobody gets more than its size (water filling).

    Returns
    -------
    ndarray of int64, shape (len(sizes),)
        Sums to min(n, sizes.sum()); what is left over goes to the largest.
    """
    sizes = np.asarray(sizes, dtype=np.int64)
    budgets = np.zeros_like(sizes)
    left = min(n, int(sizes.sum()))
    while left:
        open_to_more = np.flatnonzero(budgets < sizes)
        each = left // len(open_to_more)
        if not each:
            largest = open_to_more[np.argsort(-sizes[open_to_more], kind="stable")]
            budgets[largest[:left]] += 1
            break
        given = np.minimum(each, sizes[open_to_more] - budgets[open_to_more])
        budgets[open_to_more] += given
        left -= int(given.sum())
    return budgets


def _square_root(n: int) -> int:
    return max(1, int(n**0.5))
