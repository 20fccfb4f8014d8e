"""Core sets from a difficulty for each row, such as EL2N or the negative margin."""

from __future__ import annotations

import numpy as np

from .geometry import even_budgets

# Zheng et al. use 50 strata, and cut 10 to 50 % of the hardest rows as the budget shrinks.
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
