"""MaxHerding, uncertainty herding and ProbCover: pick rows that cover the pool.

* MaxHerding: Bae, Junhyug Noh, Sutherland (2024), "Generalized Coverage for More Robust Low-Budget
  Active Learning": greedy maximization of the mean over the pool of the largest kernel value to a
  chosen row.
* UHerding: Bae, Oliveira, Sutherland (2025), "Uncertainty Herding: One Active Learning Method for
  All Label Budgets": the same with each row weighted by its uncertainty and a kernel that narrows
  as labels come in. Written from the papers.
* ProbCover: Yehuda et al. (2022), "Active Learning Through a Covering Lens": balls instead of a
  smooth kernel, their radius as large as 95 % pure balls allow.

Cost: see `coverage`. Above ``max_points`` rows the pool is represented by as many rows, and at most
ten times as many candidates are compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.errors import check_number

from ..pool.context import Context
from ..pool.inner_products import closeness
from ..pool.selection import Picks
from .coverage import Kernel, Points, cover, gaussian, greedy_coverage, top_hat
from .lloyd import k_means
from .strategy import draw_without_replacement

EMBEDDINGS = frozenset({"embeddings"})
MAX_POINTS = 4096
CANDIDATES_PER_POINT = 10


@dataclass(frozen=True)
class MaxHerding:
    """Rows that cover the pool best; needs no model, so it is the way to start.

    Parameters
    ----------
    radius : float, optional
        Width of the Gaussian kernel in Euclidean distance of unit vectors; default 1.
    max_points : int, optional
        None for the exact algorithm at any size.
    """

    radius: float = 1.0
    max_points: int | None = MAX_POINTS
    name: str = "max_herding"
    needs: frozenset[str] = EMBEDDINGS

    def __post_init__(self) -> None:
        check_number("radius", self.radius, low=0, low_open=True)

    def select(self, context: Context, n: int) -> Picks:
        """Pick greedily; the score is the coverage gained."""
        kernel = gaussian(self.radius)
        mass = context.weights
        return cover_pool(context, n, kernel=kernel, mass=mass, max_points=self.max_points)


@dataclass(frozen=True)
class UHerding:
    """Coverage weighted by uncertainty, with a kernel as narrow as the labeled rows are close.

    Without any uncertainty (no model yet) it is MaxHerding.

    Parameters
    ----------
    radius : float, optional
        Default: the distance between labeled rows (see `labeled_radius`), at most 1.
    max_points : int, optional
        None for the exact algorithm at any size.
    """

    radius: float | None = None
    max_points: int | None = MAX_POINTS
    name: str = "u_herding"
    needs: frozenset[str] = EMBEDDINGS

    def __post_init__(self) -> None:
        if self.radius is not None:
            check_number("radius", self.radius, low=0, low_open=True)

    def select(self, context: Context, n: int) -> Picks:
        """Pick greedily; the score is the uncertainty covered."""
        radius = self.radius if self.radius is not None else labeled_radius(context)
        mass = context.weights
        if context.has_uncertainty:
            mass = mass * np.maximum(context.uncertainty, 0)
        reason = "uncertainty and coverage" if context.has_uncertainty else "coverage"
        return cover_pool(
            context,
            n,
            kernel=gaussian(radius),
            mass=mass,
            max_points=self.max_points,
            reason=reason,
        )


@dataclass(frozen=True)
class ProbCover:
    """Rows whose balls cover most rows that no ball covers yet.

    Parameters
    ----------
    radius : float, optional
        Default: chosen by purity, see `pure_radius`.
    purity : float
        Share of balls that must hold one k-means cluster only.
    max_points : int, optional
        None for the exact algorithm at any size.
    """

    radius: float | None = None
    purity: float = 0.95
    max_points: int | None = 2048
    name: str = "prob_cover"
    needs: frozenset[str] = EMBEDDINGS

    def __post_init__(self) -> None:
        check_number("purity", self.purity, low=0, high=1)

    def select(self, context: Context, n: int) -> Picks:
        """Pick greedily; when all is covered, rows follow at random."""
        radius = self.radius
        if radius is None:
            radius = pure_radius(context, clusters=_class_number(context), purity=self.purity)
        picks = cover_pool(
            context,
            n,
            kernel=top_hat(radius),
            mass=context.weights,
            max_points=self.max_points,
        )
        useful = picks.take(np.flatnonzero(picks.scores > 0))
        if len(useful) == n:
            return picks
        left = np.ones(len(context), dtype=bool)
        left[useful.positions] = False
        rest = context.available[left[context.available]]
        order, _ = draw_without_replacement(
            context.preference[rest], n=n - len(useful), rng=context.rng
        )
        extra = rest[order]
        return Picks.join([useful, Picks.of(extra, scores=np.zeros(len(extra)), reason="random")])


def cover_pool(
    context: Context,
    n: int,
    *,
    kernel: Kernel,
    mass: np.ndarray,
    max_points: int | None,
    reason: str = "coverage",
) -> Picks:
    """Cover the pool's rows, each counted with `mass`, shape (n_pool,), by `n` available rows."""
    places, weights = representatives(mass, size=max_points, rng=context.rng)
    rows = _candidates(context, n=n, size=max_points, places=places)
    pool = context.vectors_at(places)
    points = Points(
        vectors=pool,
        weights=weights,
        covered=cover(
            pool, context.vectors_at(context.covered), kernel=kernel, device=context.device
        ),
        device=context.device,
    )
    chosen, gains = greedy_coverage(
        context.vectors_at(rows), points, n=n, kernel=kernel, worth=1.0 / context.costs[rows]
    )
    total = max(float(weights.sum()), 1e-30)
    return Picks.of(rows[chosen], scores=gains / total, reason=reason)


def representatives(
    mass: np.ndarray, *, size: int | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Choose at most `size` rows that stand for all, weighted so that sums are kept on average.

    Rows are drawn in proportion to their mass, and each stands for as much as the others; a row
    that alone has more mass than that counts as itself. By systematic sampling in random order
    (Madow, 1949): the j-th row drawn is the one in which the running sum passes u + j.

    Returns
    -------
    places : ndarray of int64, shape (m,), ascending
    weights : ndarray of float64, shape (m,)
    """
    if size is None or len(mass) <= size:
        return np.arange(len(mass)), mass
    if not mass.any():
        return np.sort(rng.choice(len(mass), size, replace=False)), np.zeros(size)
    chance = _chances(mass, size)
    order = rng.permutation(len(mass))
    passed = np.floor(np.cumsum(chance[order]) + rng.random())
    places = np.sort(order[np.diff(passed, prepend=0.0) > 0])
    return places, mass[places] / chance[places]


def _chances(mass: np.ndarray, size: int) -> np.ndarray:
    """Return min(1, c · mass) with the c whose sum is `size`, or of all rows that have any mass."""
    falling = np.sort(mass)[::-1]
    left = np.cumsum(falling[::-1])[::-1]
    # With k rows counted as themselves the others share what is left for size − k draws.
    count = np.arange(size)
    alone = int(np.argmax(falling[:size] * (size - count) <= left[:size]))
    if not left[alone] > 0:
        return np.asarray(mass > 0, dtype=np.float64)
    return np.asarray(np.minimum(1.0, mass * ((size - alone) / left[alone])))


def _candidates(context: Context, *, n: int, size: int | None, places: np.ndarray) -> np.ndarray:
    rows = context.available
    limit = len(rows) if size is None else max(CANDIDATES_PER_POINT * size, 4 * n)
    if len(rows) <= limit:
        return rows
    known_mask = np.zeros(len(context), dtype=bool)
    known_mask[places] = True
    known, others = rows[known_mask[rows]], rows[~known_mask[rows]]
    chosen = context.rng.choice(others, limit - len(known), replace=False)
    return np.sort(np.concatenate([known, chosen]))


def labeled_radius(context: Context, *, largest: float = 1.0, smallest: float = 0.05) -> float:
    """Return how close labeled or pending rows are to each other, within the two limits.

    The lower quartile of the distances to the nearest other one. The paper takes the smallest of
    all distances, which one pair of near-duplicates brings to 0. With more than 4,096 such rows,
    from a random sample of them.
    """
    covered = context.covered
    if len(covered) < 2:
        return largest
    if len(covered) > MAX_POINTS:
        covered = context.rng.choice(covered, MAX_POINTS, replace=False)
    vectors = context.vectors_at(covered)
    close = closeness(vectors, device=context.device)(vectors)
    np.fill_diagonal(close, -np.inf)
    nearest = np.sqrt(-2.0 * close.max(axis=1))
    return float(np.clip(np.quantile(nearest, 0.25), smallest, largest))


def pure_radius(context: Context, *, clusters: int, purity: float, sample: int = 1000) -> float:
    """Return the largest radius at which a share `purity` of balls hold one k-means cluster only.

    After section 3.3 of Yehuda et al. (2022). Balls are around at most `sample` rows and hold
    at most ten times as many.
    """
    if len(context) > 10 * sample:
        rows = np.sort(context.rng.choice(len(context), 10 * sample, replace=False))
        vectors = context.vectors_at(rows)
    else:
        vectors = context.vectors
    clusters = min(clusters, len(vectors))
    _, cluster = k_means(vectors, clusters=clusters, rng=context.rng, device=context.device)
    centers = context.rng.choice(len(vectors), min(sample, len(vectors)), replace=False)
    close = closeness(vectors, device=context.device)(vectors[centers])
    close[cluster[centers][:, None] == cluster[None, :]] = -2.0
    # A ball is pure up to its nearest row of another cluster.
    distance = np.sqrt(-2.0 * close.max(axis=1))
    # Strictly inside the nearest impure radius.
    return float(np.quantile(distance, 1.0 - purity)) * 0.999 + 1e-6


def _class_number(context: Context) -> int:
    if context.pred_probs is not None:
        return int(context.pred_probs.shape[1])
    if context.class_counts is not None:
        return len(context.class_counts)
    return 10
