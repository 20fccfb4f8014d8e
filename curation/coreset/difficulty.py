"""Core sets from a difficulty for each row, high = hard."""

from __future__ import annotations

import numpy as np

from .budgets import even_budgets

# Zheng et al. use 50 strata, and cut 0 to 50 % of the hardest rows as the budget shrinks.
STRATA = 50
MOST_CUT = 0.5


def hardest(difficulty: np.ndarray, n: int) -> np.ndarray:
    """Take the `n` hardest rows, hardest first (EL2N: Paul, Ganguli and Dziugaite, 2021).

    Works where few rows are pruned; at high rates it keeps noise and little else (see `ccs`).
    """
    return np.argsort(-difficulty, kind="stable")[:n]


def ccs(difficulty: np.ndarray, n: int, *, rng: np.random.Generator) -> np.ndarray:
    """Coverage-centric selection (Zheng et al., 2023): cut the hardest, then cover all degrees.

    The share cut grows with the pruning rate, half of it, as the paper's best shares about do. The
    rest is split into 50 strata of equal width, which share the budget evenly, smallest first.
    """
    total = len(difficulty)
    cut = min(int(MOST_CUT * (1 - n / total) * total), total - n)
    kept = np.argsort(difficulty, kind="stable")[: total - cut]
    values = difficulty[kept]
    edges = np.linspace(values[0], values[-1], STRATA + 1)[1:-1]
    stratum = np.searchsorted(edges, values, side="right")
    budgets = even_budgets(np.bincount(stratum, minlength=STRATA), n)
    chosen = [
        rng.permutation(kept[stratum == which])[:budget]
        for which, budget in enumerate(budgets)
        if budget
    ]
    return np.concatenate(chosen) if chosen else np.empty(0, dtype=np.int64)


def probe_error(vectors: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Judge rows without training: the error of EL2N with a leave-one-out ridge probe.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    codes : ndarray of int64, shape (n,)
        Classes from 0.

    Returns
    -------
    ndarray of float64, shape (n,)
        Length of (probabilities − one-hot label), in [0, √2].
    """
    from ..labels.ridge import loo_ridge_probs

    errors = loo_ridge_probs(vectors, codes, int(codes.max()) + 1).astype(np.float64)
    errors[np.arange(len(codes)), codes] -= 1
    return np.asarray(np.linalg.norm(errors, axis=1))
