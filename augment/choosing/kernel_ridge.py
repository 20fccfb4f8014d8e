"""A small teacher for screening: kernel ridge regression on one-hot labels, in closed form.

Fitting n rows costs n³/3 + O(n²·d) operations: .04 s for 1,000 rows on one core. It has no seed,
no epochs and no options to tune, so two audits of the same data agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.numerics.folds import spread_over_folds

RIDGE = 0.1


@dataclass(frozen=True)
class Teacher:
    """A fitted teacher: support vectors (n, d), their weights (n, C), and the kernel's width."""

    support: np.ndarray
    weights: np.ndarray
    gamma: float

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return one score per class, float64 (m, C); the largest is the prediction."""
        squared = squared_distances(features, self.support)
        return np.asarray(np.exp(-self.gamma * squared) @ self.weights)


def fit_teacher(features: np.ndarray, labels: np.ndarray, *, classes: int) -> Teacher:
    """Fit on float features (n, d) and int labels (n,) of 0 … classes − 1.

    The kernel's width is the median distance of different rows.
    """
    squared = squared_distances(features, features)
    distinct = squared[squared > 1e-9]
    gamma = 1.0 / float(np.median(distinct)) if distinct.size else 1.0
    kernel = np.exp(-gamma * squared)
    kernel[np.diag_indices_from(kernel)] += RIDGE
    weights = np.linalg.solve(kernel, np.eye(classes)[labels])
    return Teacher(features, weights, gamma)


def squared_distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return squared Euclidean distances (n, m) of float rows (n, d) and (m, d)."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :]
    return np.asarray(np.maximum(squares - 2 * left @ right.T, 0))


def stratified_folds(
    labels: np.ndarray, *, folds: int, generator: np.random.Generator
) -> np.ndarray:
    """Return a fold number (n,) for each row, every class spread evenly over the folds."""
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    drawn = [generator.permutation(members) for members in classes]
    return spread_over_folds(np.concatenate([np.empty(0, np.int64), *drawn]), folds)
