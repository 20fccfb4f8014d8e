"""Core sets from a difficulty for each row, high = hard."""

from __future__ import annotations

import numpy as np

from thresher.core.grid import on_grid
from thresher.core.ties import highest_first, lowest_first, settled

from .budgets import even_budgets

# Zheng et al. use 50 strata, and cut more of the hardest rows the more is pruned: here this times
# the square of the share pruned, so 10 % at half of the rows. On banking77 cuts of 0, 10 and 25 %
# there gave an accuracy of 86.7, 86.6 and 84.0 %.
STRATA = 50
CUT = 0.4
# What a row counts that the probe is sure of, where the least sure ones count 1: enough to be near
# to a chosen row, too little to draw choices from the borders between classes.
SURE = 0.1
# Demands in steps that the rounding of the probe's own fit is far below.
DEMAND_BITS = 12


def hardest(difficulty: np.ndarray, n: int) -> np.ndarray:
    """Take the `n` hardest rows, hardest first (EL2N: Paul, Ganguli and Dziugaite, 2021).

    Works where few rows are pruned; at high rates it keeps noise and little else (see `ccs`).
    """
    return highest_first(difficulty, n=n)


def ccs(difficulty: np.ndarray, n: int, *, rng: np.random.Generator) -> np.ndarray:
    """Coverage-centric selection (Zheng et al., 2023): cut the hardest, then cover all degrees.

    The share cut grows with the share pruned, see `CUT`. The rest is split into 50 strata of equal
    width, which share the budget evenly, smallest first.
    """
    total = len(difficulty)
    cut = min(int(CUT * (1 - n / total) ** 2 * total), total - n)
    kept = lowest_first(difficulty, n=total - cut)
    values = difficulty[kept]
    edges = np.linspace(values[0], values[-1], STRATA + 1)[1:-1]
    places = settled(np.concatenate([edges, values]))
    stratum = np.searchsorted(places[: len(edges)], places[len(edges) :], side="right")
    budgets = even_budgets(np.bincount(stratum, minlength=STRATA), n)
    chosen = [
        rng.permutation(kept[stratum == which])[:budget]
        for which, budget in enumerate(budgets)
        if budget
    ]
    return np.concatenate(chosen) if chosen else np.empty(0, dtype=np.int64)


def probe_probs(vectors: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Predict each row's class from all other rows with a ridge probe; nothing is trained.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    codes : ndarray of int64, shape (n,)
        Classes from 0.

    Returns
    -------
    ndarray of float64, shape (n, classes)
    """
    from ..labels.ridge import loo_ridge_probs

    return loo_ridge_probs(vectors, codes, int(codes.max()) + 1).astype(np.float64)


def probe_error(probs: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the error of EL2N, float64 (n,): length of (probabilities − one-hot), in [0, √2]."""
    errors = probs.copy()
    errors[np.arange(len(codes)), codes] -= 1
    return np.asarray(np.linalg.norm(errors, axis=1))


def probe_uncertainty(probs: np.ndarray) -> np.ndarray:
    """Return 1 − (highest − second highest probability), float64 (n,); 1 with a single class."""
    if probs.shape[1] == 1:
        return np.ones(len(probs))
    second, first = np.partition(probs, -2, axis=1)[:, -2:].T
    return np.asarray(1 - (first - second))


def demand(probs: np.ndarray) -> np.ndarray:
    """Return how much each row asks to be near to a chosen one, float64 (n,), from `SURE` to 1."""
    return np.asarray(SURE + (1 - SURE) * on_grid(probe_uncertainty(probs), DEMAND_BITS))
