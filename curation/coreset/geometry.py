"""Core sets from clusters of the embeddings: SemDeDup, prototypes, D4, hierarchical k-means.

Every function takes unit vectors, shape (n_rows, d), and returns `n` distinct positions in the
order of choice. None makes an n × n matrix: rows are compared within one of √n_rows clusters.
"""

from __future__ import annotations

import numpy as np

from .budgets import even_budgets
from .clusters import assign, spherical_kmeans

# Share of the rows that D4 lets past its first half, as in the paper.
DIVERSE = 0.75
# SemDeDup compares a row with at most so many others, also where all rows fall into one cluster.
MOST_BEFORE = 20_000
BLOCK = 1000


def semdedup(vectors: np.ndarray, n: int, *, rng: np.random.Generator) -> np.ndarray:
    """Drop the rows most similar to a kept row of their cluster until `n` are left.

    Abbas et al., "SemDeDup" (2023), with a budget instead of a threshold: within a cluster rows are
    ordered by distance from the center, far ones first as in the paper, and each is judged by its
    nearest row among those before it. That row may be left out in its turn; `find_near_duplicates`
    is the one to use where every row left out must have a kept twin.
    """
    closest = np.full(len(vectors), -1.0, dtype=np.float32)
    centers, cluster_of = spherical_kmeans(vectors, _square_root(len(vectors)), rng=rng)
    for cluster, center in enumerate(centers):
        rows = np.flatnonzero(cluster_of == cluster)
        rows = rows[np.argsort(vectors[rows] @ center, kind="stable")]
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            first = max(0, start - MOST_BEFORE)
            products = vectors[block] @ vectors[rows[first : start + len(block)]].T
            before = np.tri(len(block), products.shape[1], start - first - 1, dtype=bool)
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


def d4(vectors: np.ndarray, n: int, *, rng: np.random.Generator) -> np.ndarray:
    """Leave out near copies, cluster what is left anew, then leave out what is most typical.

    Tirumala et al., "D4" (2023): SemDeDup keeps three quarters of the rows (or `n`, if that is
    more), prototypes choose `n` of them. Copies would make centers of their own otherwise.
    """
    diverse = semdedup(vectors, max(n, round(DIVERSE * len(vectors))), rng=rng)
    return np.asarray(diverse[prototypes(vectors[diverse], n, rng=rng)])


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


def _square_root(n: int) -> int:
    return max(1, int(n**0.5))
