"""Strategies that compare a row with its neighbors: CAL and density-weighted uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.errors import check_count, check_number
from thresher.core.ties import highest_places

from ..pool.context import Context
from ..pool.inner_products import inner_products
from ..pool.selection import Picks
from .centers import mean_row
from .strategy import pick_highest

BLOCK_VALUES = 1 << 21


@dataclass(frozen=True)
class CAL:
    """Rows predicted unlike their nearest labeled rows (Margatina et al., 2021).

    The score is the mean divergence KL(neighbor ‖ row) over the `neighbors` most similar labeled
    rows. With nothing labeled it is the entropy. Cost O(n · labeled · d).
    """

    neighbors: int = 10
    name: str = "cal"
    needs: frozenset[str] = frozenset({"embeddings", "pred_probs"})

    def __post_init__(self) -> None:
        check_count("neighbors", self.neighbors, low=1)

    def select(self, context: Context, n: int) -> Picks:
        """Pick the highest divergence."""
        labeled = np.flatnonzero(context.labeled)
        if not len(labeled):
            return pick_highest(
                context, context.kind.entropy(context.probs), n=n, reason="uncertainty"
            )
        scores = self._divergence(context, labeled)
        return pick_highest(context, scores, n=n, reason="unlike its labeled neighbors")

    def _divergence(self, context: Context, labeled: np.ndarray) -> np.ndarray:
        vectors, rows = context.vectors, context.available
        near = min(self.neighbors, len(labeled))
        outcomes = context.kind.outcomes(context.probs)
        known = np.maximum(outcomes[labeled].astype(np.float64), 1e-12)
        negative_entropy = (known * np.log(known)).sum(axis=1)
        scores = np.zeros(len(context))
        similarities = inner_products(vectors[labeled], device=context.device)
        step = max(1, BLOCK_VALUES // len(labeled))
        for start in range(0, len(rows), step):
            block = rows[start : start + step]
            similarity = similarities(vectors[block])
            closest = highest_places(similarity, near)
            log_probs = np.log(np.maximum(outcomes[block].astype(np.float64), 1e-12))
            # The mean of KL over neighbors needs only their mean distribution.
            mean = known[closest].mean(axis=1)
            scores[block] = negative_entropy[closest].mean(axis=1) - (mean * log_probs).sum(axis=1)
        return scores


@dataclass(frozen=True)
class DensityWeighted:
    """Uncertain rows in dense regions (Settles and Craven, 2008, "information density").

    Uncertainty times the mean similarity to the pool, raised to `beta`. The mean similarity of unit
    vectors is an inner product with their mean, so that the whole costs O(n · d).
    """

    beta: float = 1.0
    name: str = "density_weighted"
    needs: frozenset[str] = frozenset({"embeddings", "uncertainty"})

    def __post_init__(self) -> None:
        check_number("beta", self.beta, low=0)

    def select(self, context: Context, n: int) -> Picks:
        """Pick the highest product."""
        density = (1.0 + mean_similarity(context.vectors)) / 2.0
        scores = context.uncertainty * density**self.beta
        return pick_highest(context, scores, n=n, reason="uncertain in a dense region")


def mean_similarity(vectors: np.ndarray) -> np.ndarray:
    """Return the mean cosine similarity of each row to all rows, float64, shape (n,)."""
    return np.asarray(vectors @ mean_row(vectors), dtype=np.float64)
