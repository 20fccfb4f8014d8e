"""D² sampling: k-means++ on embeddings and, as BADGE, on gradient embeddings.

Arthur and Vassilvitskii (2007); Ash et al. (2020), "Deep Batch Active Learning by Diverse,
Uncertain Gradient Lower Bounds". The law is exactly that of the sequential algorithm, but rows are
proposed in blocks from distances that may be out of date and accepted with the ratio of the true to
the outdated distance (rejection sampling). So 1,000 picks take about 20 passes. Gradient embeddings
a ⊗ z (class part a, row part z) are never made: their inner product is (a·a')(z·z').
Time O(passes · 64 · n · (d + c)), memory O(64 · n).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from thresher.core.grid import exact_rows

from ..pool.context import Context
from ..pool.inner_products import inner_products, squared_norms
from ..pool.selection import Picks
from .centers import nearest_squared
from .strategy import working_rows

BLOCK = 64
Distances = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class KMeansPlusPlus:
    """Rows drawn by k-means++ from what is labeled, in proportion to squared distance."""

    name: str = "k_means_plus_plus"
    needs: frozenset[str] = frozenset({"embeddings"})

    def select(self, context: Context, n: int) -> Picks:
        """Draw rows; with nothing labeled the first is drawn uniformly."""
        vectors, rows = context.vectors, working_rows(context)
        points = vectors[rows]
        covered = context.covered
        start = (
            nearest_squared(points, vectors[covered], device=context.device)
            if len(covered)
            else np.full(len(points), 4.0, dtype=np.float32)
        )
        norms = squared_norms(points)
        inner = inner_products(points, device=context.device)

        def distances(block: np.ndarray) -> np.ndarray:
            products = inner(points[block])
            products *= -2
            products += norms
            products += norms[block][:, None]
            return products

        return _draw(context, distances, rows=rows, start=start, n=n, reason="diversity")


@dataclass(frozen=True)
class BADGE:
    """k-means++ on the gradient of the last layer for the predicted class (Ash et al., 2020).

    The origin counts as the first center, so that the first row is drawn in proportion to its
    squared gradient, as all others are.
    """

    name: str = "badge"
    needs: frozenset[str] = frozenset({"embeddings", "pred_probs"})

    def select(self, context: Context, n: int) -> Picks:
        """Draw rows whose gradients are long and far from each other."""
        rows = working_rows(context)
        points, probs = context.vectors[rows], context.probs[rows]
        class_part = _scaled(probs - context.kind.predicted(probs))
        norms = squared_norms(points) * squared_norms(class_part)
        inner = inner_products(points, device=context.device)
        class_inner = inner_products(class_part, device=context.device)

        def distances(block: np.ndarray) -> np.ndarray:
            products = inner(points[block])
            products *= class_inner(class_part[block])
            products *= -2
            products += norms
            products += norms[block][:, None]
            return products

        return _draw(
            context, distances, rows=rows, start=norms, n=n, reason="uncertainty and diversity"
        )


def _scaled(rows: np.ndarray) -> np.ndarray:
    """Return rows times a power of two, the longest about one long, where products are exact."""
    _, exponent = np.frexp(1.4 * np.sqrt(squared_norms(rows).max(initial=0.0)))
    return exact_rows(np.ldexp(rows, -int(exponent)))


def _draw(
    context: Context,
    distances: Distances,
    *,
    rows: np.ndarray | slice,
    start: np.ndarray,
    n: int,
    reason: str,
) -> Picks:
    positions = np.arange(len(context))[rows]
    allowed = np.zeros(len(context), dtype=bool)
    allowed[context.available] = True
    places, chances = squared_distance_sampling(
        distances,
        start=start,
        n=n,
        rng=context.rng,
        worth=context.preference[rows],
        allowed=allowed[rows],
    )
    return Picks.of(positions[places], scores=chances, reason=reason, propensities=chances)


def squared_distance_sampling(
    distances: Distances,
    *,
    start: np.ndarray,
    n: int,
    rng: np.random.Generator,
    worth: np.ndarray,
    allowed: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw `n` different places, each with probability proportional to squared distance · worth.

    Parameters
    ----------
    distances : callable
        Takes places, shape (b,), and returns their squared distances to all, shape (b, m).
    start : ndarray, shape (m,)
        Squared distance of each place to the centers there are already.
    n : int
        At most m.
    rng : Generator
    worth : ndarray, shape (m,)
    allowed : ndarray of bool, shape (m,), optional
        Places that may be drawn, at least `n`; default all.

    Returns
    -------
    places, chances
        Shape (n,); the chance of each draw given those before it. When all distances left are 0,
        the rest is drawn uniformly.
    """
    now = np.maximum(start.astype(np.float32), 0)
    picked = np.zeros(len(now), dtype=bool) if allowed is None else ~allowed
    now[picked] = 0.0
    places: list[int] = []
    chances: list[float] = []
    while len(places) < n:
        mass = np.where(picked, 0.0, now * worth)
        total = np.cumsum(mass)
        if total[-1] <= 0:
            left = rng.permutation(np.flatnonzero(~picked))
            chances += [1.0 / (len(left) - k) for k in range(n - len(places))]
            left = left[: n - len(places)]
            places += left.tolist()
            break
        size = min(BLOCK, max(8, 2 * (n - len(places))))
        block = np.searchsorted(total, rng.random(size) * total[-1], side="right")
        block = np.minimum(block, len(now) - 1)
        rows = distances(block)
        for proposal, row, coin in zip(block, rows, rng.random(size), strict=True):
            truth = 0.0 if picked[proposal] else float(now[proposal] * worth[proposal])
            if coin * mass[proposal] >= truth:
                continue
            places.append(int(proposal))
            chances.append(truth / max(float((now * worth).sum()), truth))
            picked[proposal] = True
            np.minimum(now, np.maximum(row, 0), out=now)
            now[proposal] = 0.0
            if len(places) == n:
                break
    return np.array(places, dtype=np.int64), np.array(chances)
