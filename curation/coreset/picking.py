"""One core-set method at work: which rows of each class it takes, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import diversity, geometry, greedy
from .budgets import even_budgets, proportional_budgets, take_turns
from .clusters import assign
from .difficulty import ccs, hardest

CLUSTERED = {
    "semdedup": geometry.semdedup,
    "prototypes": geometry.prototypes,
    "d4": geometry.d4,
    "hierarchical_kmeans": geometry.hierarchical_kmeans,
}
GREEDY: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "k_center": greedy.k_center,
    "facility_location": greedy.facility_location,
    "novelsum": diversity.novelsum,
    "gip": diversity.gip,
}
RANDOM = ("random", "balanced")
UNCERTAIN = "uncertain_coverage"
WEIGHTED = ("k_center", "facility_location")


def pick(
    method: str,
    vectors: np.ndarray,
    classes: np.ndarray,
    *,
    n: int,
    values: np.ndarray | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Choose `n` rows, classes taking turns.

    Parameters
    ----------
    method : str
        Any but ``"auto"``; see `select_coreset`.
    vectors : ndarray of float32, shape (n_rows, d)
        Unit length, or zero, on a grid (`exact_rows`), so that every processor picks the same.
    classes : ndarray of int64, shape (n_rows,)
        Codes from 0.
    values : ndarray of float64, shape (n_rows,), or None
        The demand of each row for ``"uncertain_coverage"``, its difficulty for methods that go by
        it; None for all others.

    Returns
    -------
    ndarray of int64, shape (n,)
        Positions, in the order of choice.
    """
    sizes = np.bincount(classes)
    budgets = even_budgets(sizes, n) if method == "balanced" else proportional_budgets(sizes, n)
    parts = []
    for code, budget in enumerate(budgets.tolist()):
        rows = np.flatnonzero(classes == code)
        if budget:
            own = None if values is None else values[rows]
            rows = rows[_pick_of_class(method, vectors[rows], budget, values=own, rng=rng)]
        parts.append(rows[:budget])
    return take_turns(parts)


def _pick_of_class(
    method: str,
    vectors: np.ndarray,
    n: int,
    *,
    values: np.ndarray | None,
    rng: np.random.Generator,
) -> np.ndarray:
    if method in RANDOM:
        return rng.permutation(len(vectors))[:n]
    if method == UNCERTAIN:
        return greedy.facility_location(vectors, n, demand=values)
    if values is not None:
        return ccs(values, n, rng=rng) if method == "ccs" else hardest(values, n)
    if method in GREEDY:
        return GREEDY[method](vectors, n)
    return CLUSTERED[method](vectors, n, rng=rng)


def weigh(
    method: str, vectors: np.ndarray, classes: np.ndarray, positions: np.ndarray
) -> np.ndarray:
    """Count the rows of its class that are nearest to each chosen row, over the mean count.

    Each row looks at the chosen ones of its shard (`greedy.neighboring_shards`), at all of its
    class where the shard has none.

    Returns
    -------
    ndarray of float32, shape (len(positions),)
        All 1 for methods that are meant to change the distribution.
    """
    counts = np.zeros(len(vectors))
    if method not in WEIGHTED:
        return np.ones(len(positions), dtype=np.float32)
    chosen = np.zeros(len(vectors), dtype=bool)
    chosen[positions] = True
    for code in np.unique(classes[positions]):
        rows = np.flatnonzero(classes == code)
        of_class = rows[chosen[rows]]
        for shard in greedy.neighboring_shards(vectors, rows):
            near = shard[chosen[shard]]
            near = near if len(near) else of_class
            nearest, _ = assign(vectors[shard], vectors[near])
            counts += np.bincount(near[nearest], minlength=len(counts))
    # A row that equals another chosen row may be nearest to none; it still stands for itself.
    own = np.maximum(counts[positions], 1)
    return np.asarray(own / own.mean(), dtype=np.float32)
