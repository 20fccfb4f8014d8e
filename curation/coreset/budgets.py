"""How many rows each class or cluster gives."""

from __future__ import annotations

import numpy as np


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


def take_turns(parts: list[np.ndarray]) -> np.ndarray:
    """Merge lists so that any first m entries hold each list in about its share."""
    places = np.concatenate([(np.arange(len(part)) + 0.5) / max(1, len(part)) for part in parts])
    return np.asarray(np.concatenate(parts)[np.argsort(places, kind="stable")])
