"""Choose a core set: `n` rows to train on, with the control methods beside the clever ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError, check_choice
from thresher.core.randomness import RandomState, check_random_state

from . import difficulty, geometry

DRAWING = {
    "facility_location": geometry.facility_location,
    "semdedup": geometry.semdedup,
    "prototypes": geometry.prototypes,
    "hierarchical_kmeans": geometry.hierarchical_kmeans,
}
SCORED = ("ccs", "el2n")
METHODS = ("auto", "random", "balanced", "k_center", *DRAWING, *SCORED)
# Multiply-adds of facility location's first look at every row: about eight seconds of one core.
DEAREST = 2e10
Chooser = Callable[[np.ndarray, int], np.ndarray]


@dataclass(frozen=True)
class CoreSet:
    """Chosen rows, in the order of choice within each class, classes taking turns.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    positions : ndarray of int64, shape (n,)
    weights : ndarray of float32, shape (n,)
        How many rows of its class each chosen row stands for, divided by their mean: for a
        weighted loss. All 1 for methods that are meant to change the distribution.
    scores : ndarray of float32, shape (n,)
        1 for the first choice, down to 1/n for the last.
    method, reason : str
        The method, and why it was taken.
    """

    row_ids: np.ndarray
    positions: np.ndarray
    weights: np.ndarray
    scores: np.ndarray
    method: str
    reason: str

    def __len__(self) -> int:
        return len(self.row_ids)


def select_coreset(
    embeddings: Embeddings | np.ndarray,
    *,
    n: int,
    labels: np.ndarray | Sequence[int] | Sequence[str] | None = None,
    method: str = "auto",
    scores: np.ndarray | None = None,
    random_state: RandomState = 0,
) -> CoreSet:
    """Choose `n` rows to train on.

    Parameters
    ----------
    embeddings : Embeddings or ndarray of float, shape (n_rows, d)
    n : int
        Between 1 and the number of rows.
    labels : array, shape (n_rows,), optional
        With labels each class is chosen from on its own: in proportion to its size, at least one
        row each where `n` allows; for ``"balanced"`` evenly.
    method : str
        Controls: ``"random"``, ``"balanced"`` (random, the same number of each class). By geometry:
        ``"k_center"``, ``"facility_location"``, ``"semdedup"``, ``"prototypes"``,
        ``"hierarchical_kmeans"``. By difficulty: ``"ccs"``, ``"el2n"`` (the hardest). ``"auto"``:
        ccs when `scores` are given, else facility location while that is cheap, else random.
    scores : ndarray of float, shape (n_rows,), optional
        Difficulty of each row, high = hard; needed by ccs and el2n.
    random_state : int, numpy.random.Generator or None

    Returns
    -------
    CoreSet

    Raises
    ------
    InputError
        On `n` outside 1 … n_rows, a wrong method, missing or NaN scores, unequal lengths.
    """
    check_choice("method", method, METHODS)
    if isinstance(embeddings, np.ndarray):
        embeddings = Embeddings.from_vectors(embeddings)
    total = len(embeddings)
    if not 1 <= n <= total:
        raise InputError(f"`n` must be between 1 and the number of rows, {total}, got {n}.")
    classes = _classes(labels, total)
    hardness = _hardness(scores, total, method)
    chosen_method, reason = _choose_method(method, embeddings, hardness)
    rng = check_random_state(random_state)
    sizes = np.bincount(classes)
    even = chosen_method == "balanced"
    budgets = geometry.even_budgets(sizes, n) if even else proportional_budgets(sizes, n)
    choose = _chooser(chosen_method, embeddings.vectors, hardness, rng)
    parts = [
        choose(np.flatnonzero(classes == code), int(budget)) for code, budget in enumerate(budgets)
    ]
    positions = _take_turns(parts)
    return CoreSet(
        row_ids=embeddings.row_ids[positions],
        positions=positions,
        weights=_weights(chosen_method, embeddings.vectors, classes, positions),
        scores=(1 - np.arange(n) / n).astype(np.float32),
        method=chosen_method,
        reason=reason,
    )


def proportional_budgets(sizes: np.ndarray, n: int) -> np.ndarray:
    """Share `n` in proportion to `sizes` by largest remainders, with one for each where possible.

    Returns
    -------
    ndarray of int64, shape (len(sizes),)
        Sums to `n`; none is above its size.
    """
    sizes = np.asarray(sizes, dtype=np.int64)
    exact = sizes * n / sizes.sum()
    budgets = np.floor(exact).astype(np.int64)
    present = np.flatnonzero(sizes > 0)
    if n >= len(present):
        budgets[present] = np.maximum(budgets[present], 1)
    while budgets.sum() > n:
        excess = np.where(budgets > 1, budgets - exact, -np.inf)
        budgets[int(excess.argmax())] -= 1
    remainder = np.where(budgets < sizes, exact - budgets, -np.inf)
    order = np.argsort(-remainder, kind="stable")
    budgets[order[: n - int(budgets.sum())]] += 1
    return np.asarray(budgets)


def _classes(labels: np.ndarray | Sequence[int] | Sequence[str] | None, total: int) -> np.ndarray:
    if labels is None:
        return np.zeros(total, dtype=np.int64)
    array = np.asarray(labels)
    if array.shape != (total,):
        raise InputError(f"There are {total} rows, but labels of shape {array.shape}.")
    codes: np.ndarray = np.unique(array, return_inverse=True)[1]
    return codes.astype(np.int64)


def _hardness(scores: np.ndarray | None, total: int, method: str) -> np.ndarray | None:
    if scores is None:
        if method in SCORED:
            raise InputError(f"The method {method!r} needs `scores`: a difficulty for each row.")
        return None
    hardness = np.asarray(scores, dtype=np.float64)
    if hardness.shape != (total,) or not np.isfinite(hardness).all():
        raise InputError(
            f"`scores` must be {total} finite numbers, got shape {hardness.shape} with "
            f"{int((~np.isfinite(hardness)).sum())} NaN or infinite values."
        )
    return hardness


def _choose_method(
    method: str, embeddings: Embeddings, hardness: np.ndarray | None
) -> tuple[str, str]:
    if method != "auto":
        return method, "asked for"
    if hardness is not None:
        return "ccs", "difficulties were given"
    rows, d = embeddings.vectors.shape
    if rows * min(rows, geometry.WITNESSES) * d <= DEAREST:
        return "facility_location", "cheap for this many rows"
    return "random", f"facility location would be dear for {rows} rows"


def _chooser(
    method: str, vectors: np.ndarray, hardness: np.ndarray | None, rng: np.random.Generator
) -> Chooser:
    """Return a function from rows of one class and a budget to the chosen rows."""

    def choose(rows: np.ndarray, budget: int) -> np.ndarray:
        if not budget:
            return np.empty(0, dtype=np.int64)
        if method in ("random", "balanced"):
            return np.asarray(rng.permutation(rows)[:budget])
        if hardness is not None and method == "ccs":
            return np.asarray(rows[difficulty.ccs(hardness[rows], budget, rng=rng)])
        if hardness is not None and method == "el2n":
            return np.asarray(rows[difficulty.hardest(hardness[rows], budget)])
        if method == "k_center":
            return np.asarray(rows[geometry.k_center(vectors[rows], budget)])
        return np.asarray(rows[DRAWING[method](vectors[rows], budget, rng=rng)])

    return choose


def _take_turns(parts: list[np.ndarray]) -> np.ndarray:
    """Merge the classes so that any first m rows hold each class in about its share."""
    places = np.concatenate([(np.arange(len(part)) + 0.5) / max(1, len(part)) for part in parts])
    return np.asarray(np.concatenate(parts)[np.argsort(places, kind="stable")])


def _weights(
    method: str, vectors: np.ndarray, classes: np.ndarray, positions: np.ndarray
) -> np.ndarray:
    """Count the rows of the class that are nearest to each chosen row, over the mean count."""
    if method not in ("k_center", "facility_location"):
        return np.ones(len(positions), dtype=np.float32)
    from .clusters import assign

    counts = np.zeros(len(positions))
    for code in np.unique(classes):
        mine = np.flatnonzero(classes[positions] == code)
        if len(mine):
            nearest, _ = assign(vectors[classes == code], vectors[positions[mine]])
            counts[mine] = np.bincount(nearest, minlength=len(mine))
    # A row that equals another chosen row may be nearest to none; it still stands for itself.
    counts = np.maximum(counts, 1)
    return np.asarray(counts / counts.mean(), dtype=np.float32)
