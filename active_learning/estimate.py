"""Accuracy, with an interval, from labels that were not chosen at random.

Labels chosen because the model is unsure make it look worse than it is. Rows drawn with known
probability can be weighted so that the bias goes (Farquhar, Gal and Rainforth, 2021, "On
Statistical Bias in Active Learning: How and When to Fix It": the LURE weights below), and what the
model expects of itself takes out much of the variance without a bias of its own (Angelopoulos et
al., 2023, "Prediction-Powered Inference").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from thresher.core.errors import InputError, check_number

# Answers' worth of the model's own expectation in the variance: a few labels without an error
# must not give an interval of width 0.
PRIOR_LABELS = 4.0


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes
    ----------
    value, low, high : float
    labels : int
        Labels that it rests on.
    """

    value: float
    low: float
    high: float
    labels: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f}, {self.labels} labels)"


def estimate_accuracy(
    correct: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    expected: np.ndarray | None = None,
    expected_mean: float | None = None,
    pool_size: int | None = None,
    level: float = 0.95,
) -> Estimate:
    """Estimate the accuracy of a model over a pool from labels drawn with known probability.

    Parameters
    ----------
    correct : ndarray, shape (m,)
        1 where the model is right, 0 where it is wrong. The model must not have been fitted on the
        row (cross-fitting).
    weights : ndarray of float64, shape (m,), optional
        Inverse of each row's probability relative to a uniform draw: 1 for random rows,
        ``1 / (available · propensity)`` for others, or `lure_weights`. Default 1.
    expected : ndarray of float64, shape (m,), optional
        The model's own probability to be right on each row.
    expected_mean : float, optional
        The mean of that probability over the pool; goes with `expected`.
    pool_size : int, optional
        Rows of the pool; narrows the interval when many of them are labelled.
    level : float
        Probability that the interval holds the truth.

    Raises
    ------
    InputError
        When lengths differ, a weight is not positive, or there is no row.

    Notes
    -----
    The estimate is `expected_mean` plus the weighted mean of ``correct − expected``. The interval
    is Student's; its variance is pooled with the one that the model itself expects.
    """
    right, mass, hope = _check(correct, weights, expected)
    if (expected is None) != (expected_mean is None):
        raise InputError("Give both `expected` and `expected_mean`, or neither.")
    check_number("level", level, low=0.5, high=0.9999)
    m = len(right)
    residual = right if hope is None else right - hope
    mean = float(np.average(residual, weights=mass))
    value = float(np.clip(mean + (expected_mean or 0.0), 0.0, 1.0))
    deviations = mass * (residual - mean)
    likely = np.clip(np.full(m, value) if hope is None else hope, 0.05, 0.95)
    prior = float((likely * (1.0 - likely) * mass**2).mean())
    variance = (PRIOR_LABELS * prior + float((deviations**2).sum())) / (PRIOR_LABELS + m - 1)
    half = float(student.ppf(0.5 + level / 2, m - 1 + PRIOR_LABELS) * np.sqrt(variance / m))
    if pool_size is not None:
        half *= float(np.sqrt(max(0.0, 1.0 - m / pool_size)))
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), m)


def lure_weights(propensities: np.ndarray, *, pool_size: int) -> np.ndarray:
    """Return the weights of the levelled unbiased risk estimator, float64, shape (m,).

    The mean of weight · loss over m rows, each drawn with its propensity from all rows then left,
    is an unbiased estimate of the mean loss over the pool (Farquhar et al., 2021).
    """
    chance = np.asarray(propensities, dtype=np.float64)
    m = len(chance)
    bad = np.flatnonzero(~((chance > 0) & (chance <= 1)))
    if len(bad):
        raise InputError(
            f"`propensities` must be in (0, 1], got {chance[bad[0]]} at place {bad[0]}: these rows "
            "were not drawn at random."
        )
    if m > pool_size:
        raise InputError(f"{m} rows cannot be drawn from a pool of {pool_size}.")
    if m == pool_size:
        return np.ones(m)
    left = pool_size - np.arange(m)
    return np.asarray(1.0 + (pool_size - m) / (left - 1.0) * (1.0 / (left * chance) - 1.0))


def _check(
    correct: np.ndarray, weights: np.ndarray | None, expected: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    right = np.asarray(correct, dtype=np.float64)
    mass = np.ones(len(right)) if weights is None else np.asarray(weights, dtype=np.float64)
    hope = None if expected is None else np.asarray(expected, dtype=np.float64)
    if mass.shape != right.shape or (hope is not None and hope.shape != right.shape):
        raise InputError("`correct`, `weights` and `expected` have different lengths.")
    if not len(right):
        raise InputError(
            "No labelled row was drawn at random, so that nothing can be said without bias. "
            "Ask with `audit` above 0."
        )
    if not (np.isfinite(mass).all() and (mass > 0).all()):
        raise InputError("`weights` must be above 0 and finite.")
    return right, mass / mass.mean(), hope
