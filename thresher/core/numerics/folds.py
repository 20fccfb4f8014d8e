"""Rows spread over folds, each class evenly."""

from __future__ import annotations

import numpy as np


def spread_over_folds(by_class: np.ndarray, folds: int) -> np.ndarray:
    """Return a fold for each row, int64, shape (n,).

    Parameters
    ----------
    by_class : ndarray of int64, shape (n,)
        All row numbers, those of a class one after the other, in the order drawn.
    folds : int
    """
    fold_of = np.empty(len(by_class), dtype=np.int64)
    fold_of[by_class] = np.arange(len(by_class)) % folds
    return fold_of
