"""Strategies on k-means clusters: k-means diversity, TypiClust, DropQuery.

Cost: one k-means, see `lloyd`, and matrix products within clusters, O(n² · d / clusters).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.errors import check_count
from thresher.core.numerics.ragged import place_in_run
from thresher.core.ties import highest_first, settled

from ..pool.context import Context
from ..pool.inner_products import closeness
from ..pool.selection import Picks
from .lloyd import k_means

EMBEDDINGS = frozenset({"embeddings"})
LARGEST_GEMM = 2048


@dataclass(frozen=True)
class KMeans:
    """The row nearest to each of `n` k-means centroids of the rows that may be picked."""

    name: str = "k_means"
    needs: frozenset[str] = EMBEDDINGS

    def select(self, context: Context, n: int) -> Picks:
        """Pick one row for each centroid, the most populous cluster first."""
        return nearest_to_centroids(context, context.available, n=n, reason="diversity")


@dataclass(frozen=True)
class TypiClust:
    """The most typical row of each cluster that has no label yet (Hacohen et al., 2022).

    The pool is clustered into as many parts as there will be labels, at most `max_clusters`.
    Clusters with the fewest labels come first, among them the largest; typicality is the inverse
    mean distance to the `neighbors` nearest rows of the cluster.
    """

    max_clusters: int = 500
    neighbors: int = 20
    name: str = "typiclust"
    needs: frozenset[str] = EMBEDDINGS

    def __post_init__(self) -> None:
        check_count("max_clusters", self.max_clusters, low=1)
        check_count("neighbors", self.neighbors, low=1)

    def select(self, context: Context, n: int) -> Picks:
        """Pick one row a turn from the cluster with the fewest labels."""
        vectors = context.vectors
        clusters = min(self.max_clusters, len(context.covered) + n, len(vectors))
        _, cluster = k_means(vectors, clusters=clusters, rng=context.rng, device=context.device)
        typical = self._typicality(context, cluster)
        labels = np.bincount(cluster[context.covered], minlength=clusters)
        sizes = np.bincount(cluster, minlength=clusters)
        turns = _turns(context.available, cluster=cluster, score=typical * context.preference)
        order = np.lexsort((turns.rows, -sizes[turns.cluster], labels[turns.cluster] + turns.turn))[
            :n
        ]
        rows = turns.rows[order]
        return Picks.of(rows, scores=typical[rows], reason="typical of its cluster")

    def _typicality(self, context: Context, cluster: np.ndarray) -> np.ndarray:
        result = np.zeros(len(cluster))
        order = np.argsort(cluster, kind="stable")
        for members in np.split(order, np.flatnonzero(np.diff(cluster[order])) + 1):
            for start in range(0, len(members), LARGEST_GEMM):
                part = members[start : start + LARGEST_GEMM]
                result[part] = typicality(
                    context.vectors[part], neighbors=self.neighbors, device=context.device
                )
        return result


@dataclass(frozen=True)
class DropQuery:
    """Clusters of the rows whose prediction changes under dropout of the input.

    Gupta et al. (2024), "Revisiting Active Learning in the Era of Vision Foundation Models". Needs
    ``dropout_probs``, and `pred_probs` without dropout. When fewer than `n` rows
    change in more than half of the passes, those with the smallest margins fill up.
    """

    name: str = "drop_query"
    needs: frozenset[str] = frozenset({"embeddings", "pred_probs", "dropout_probs"})

    def select(self, context: Context, n: int) -> Picks:
        """Pick the row nearest to each centroid of the inconsistent rows."""
        rows = context.available
        assert context.dropout_probs is not None  # `needs` was checked by the caller
        predicted = context.kind.predicted
        plain = predicted(context.probs)
        passes = [(predicted(p) != plain).any(axis=1) for p in context.dropout_probs]
        changed = np.mean(passes, axis=0)
        unsteady = rows[changed[rows] > 0.5]
        if len(unsteady) < n:
            rank = highest_first(changed[rows] + context.uncertainty[rows], n=n)
            unsteady = np.sort(rows[rank])
        return nearest_to_centroids(context, unsteady, n=n, reason="unsteady and diverse")


def nearest_to_centroids(context: Context, rows: np.ndarray, *, n: int, reason: str) -> Picks:
    """Cluster `rows` into `n` and pick the nearest to each centroid, largest cluster first."""
    vectors = context.vectors
    centroids, cluster = k_means(
        vectors, clusters=n, rng=context.rng, rows=rows, device=context.device
    )
    closeness = np.empty(len(rows))
    for start in range(0, len(rows), LARGEST_GEMM):
        part = slice(start, start + LARGEST_GEMM)
        closeness[part] = np.einsum("ij,ij->i", vectors[rows[part]], centroids[cluster[part]])
    score = np.zeros(len(context))
    score[rows] = closeness * context.preference[rows]
    whole = np.full(len(context), -1)
    whole[rows] = cluster
    turns = _turns(rows, cluster=whole, score=score)
    sizes = np.bincount(cluster, minlength=n)
    order = np.lexsort((turns.rows, -sizes[turns.cluster], turns.turn))[:n]
    return Picks.of(turns.rows[order], scores=score[turns.rows[order]], reason=reason)


def typicality(vectors: np.ndarray, *, neighbors: int, device: str | None = None) -> np.ndarray:
    """Return the inverse of the mean distance to the nearest `neighbors` others, shape (m,)."""
    if len(vectors) < 2:
        return np.zeros(len(vectors))
    near = min(neighbors, len(vectors) - 1)
    close = closeness(vectors, device=device)(vectors)
    np.fill_diagonal(close, -4.0)
    # Sorted, since the mean of the same numbers in another order has other last bits.
    top = np.sort(np.partition(close, len(vectors) - near, axis=1)[:, len(vectors) - near :])
    distance = np.sqrt(-2.0 * top).mean(axis=1)
    return np.asarray(1.0 / (distance + 1e-5))


@dataclass(frozen=True)
class _Turns:
    """Rows sorted by cluster and score, with the rank of each within its cluster."""

    rows: np.ndarray
    cluster: np.ndarray
    turn: np.ndarray


def _turns(rows: np.ndarray, *, cluster: np.ndarray, score: np.ndarray) -> _Turns:
    order = np.lexsort((rows, -settled(score[rows]), cluster[rows]))
    rows = rows[order]
    group = cluster[rows]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(group) != 0]))
    turn = place_in_run(starts, n=len(rows))
    return _Turns(rows, group, turn)
