"""The built-in head for numbers: ridge regression that says how unsure it is.

The penalty has the least leave-one-out error, which one singular value decomposition gives for all
penalties; the standard deviation of a row is the leave-one-out error times the root of one plus the
row's leverage (Hoerl and Kennard, 1970; Golub, Heath and Wahba, 1979).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.ties import first_lowest

from .learner import Predictor

PENALTIES = 10.0 ** np.arange(-4.0, 4.0, 0.5)


@dataclass(frozen=True)
class RidgeModel:
    """A fitted head around the means of the labeled rows."""

    center: np.ndarray
    level: float
    weights: np.ndarray
    axes: np.ndarray
    shrink: np.ndarray
    penalty: float
    noise: float

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Return mean and standard deviation, float32, shape (n, 2)."""
        moved = vectors - self.center
        inside = moved @ self.axes
        outside = np.maximum(np.einsum("ij,ij->i", moved, moved) - (inside**2).sum(axis=1), 0.0)
        leverage = (inside**2) @ self.shrink + outside / self.penalty
        mean = moved @ self.weights + self.level
        return np.stack([mean, self.noise * np.sqrt(1.0 + leverage)], axis=1).astype(np.float32)


@dataclass(frozen=True)
class RidgeHead:
    """The learner for regression unless another one is given."""

    def __call__(
        self, vectors: np.ndarray, targets: np.ndarray, *, num_classes: int, random_state: int
    ) -> Predictor:
        """Fit on vectors, shape (m, d), and numbers, shape (m,)."""
        del num_classes, random_state
        center = vectors.mean(axis=0, dtype=np.float64)
        level = float(targets.mean())
        left, scale, right = np.linalg.svd(vectors - center, full_matrices=False)
        kept = scale > 1e-10 * max(scale.max(initial=0.0), 1e-300)
        left, scale, right = left[:, kept], scale[kept], right[kept]
        penalty, noise = _least_left_out_error(left, scale, targets - level)
        gain = scale / (scale**2 + penalty)
        return RidgeModel(
            center,
            level,
            right.T @ (gain * (left.T @ (targets - level))),
            right.T,
            1.0 / (scale**2 + penalty),
            penalty,
            noise,
        )


def _least_left_out_error(
    left: np.ndarray, scale: np.ndarray, targets: np.ndarray
) -> tuple[float, float]:
    """Return the best of `PENALTIES` and its leave-one-out error; one row alone has error 1."""
    m = len(targets)
    if m < 2:
        return 1.0, 1.0
    turned = left.T @ targets
    errors = []
    for penalty in PENALTIES:
        shrink = scale**2 / (scale**2 + penalty)
        residual = targets - left @ (shrink * turned)
        leverage = (left**2) @ shrink + 1.0 / m
        errors.append(float(((residual / np.maximum(1.0 - leverage, 1e-6)) ** 2).mean()))
    best = int(first_lowest(np.array(errors)))
    return float(PENALTIES[best]), max(float(np.sqrt(errors[best])), 1e-9)
