"""Accuracy, with an interval, from labels that were not chosen at random.

Labels chosen because the model is unsure make it look worse than it is. Rows drawn with known
probability can be weighted so that the bias goes (Farquhar, Gal and Rainforth, 2021, "On
Statistical Bias in Active Learning: How and When to Fix It": the LURE weights below), and what the
model expects of itself takes out some of the variance without a bias of its own (Angelopoulos et
al., 2023, "Prediction-Powered Inference"; here by a logistic model, whose intervals stay right near
an accuracy of 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count, check_number
from thresher.core.missing import read_numbers
from thresher.core.signatures import checked
from thresher.core.ties import first_lowest

from .correction import CLIPPED, fit_correction

# What a label counts for where a model judges it that was fitted without it: these models differ
# from each other and from the one that is asked about (benchmarks/active_learning_coverage.py).
CROSS_FITTED = 0.85
# Intervals of the wanted probability that are compared for their length.
ENDS = 201


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes
    ----------
    value, low, high : float
    labels : int
        Labels that it rests on.

    Examples
    --------
    >>> import numpy as np
    >>> from active_learning import Estimate, estimate_accuracy
    >>> found = estimate_accuracy(np.array([True] * 45 + [False] * 5))
    >>> isinstance(found, Estimate), found.low < 0.9 < found.high
    (True, True)
    """

    value: float
    low: float
    high: float
    labels: int

    def __str__(self) -> str:
        return (
            f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f}, {counted(self.labels, 'label')})"
        )


@dataclass(frozen=True)
class DrawnLosses:
    """Losses of rows drawn with known probability, beside what the model expected of itself.

    Attributes
    ----------
    loss, expected : ndarray of float64, shape (m,)
    weights : ndarray of float64, shape (m,)
        Inverse of each row's probability relative to a uniform draw.
    expected_mean : float
        The mean loss that the model expects on the rows that an estimate is about.
    pool_size : int or None
        Number of those rows; None for endlessly many.
    """

    loss: np.ndarray
    expected: np.ndarray
    weights: np.ndarray
    expected_mean: float
    pool_size: int | None


@checked
def estimate_accuracy(
    correct: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    expected: np.ndarray | None = None,
    expected_mean: float | None = None,
    pool_size: int | None = None,
    level: float = 0.95,
    cross_fitted: bool = False,
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
        Rows that the estimate is about, none of them among the labels: with few of them their own
        scatter widens the interval.
    level : float
        Probability that the interval holds the truth.
    cross_fitted : bool
        Whether rows were judged by models fitted without them, which are not the very model that
        the estimate is about; labels count for less then.

    Raises
    ------
    InputError
        When lengths differ, a value is missing or outside [0, 1], a weight is not positive, or
        there is no row.

    Notes
    -----
    A row is right with odds ``exp(shift) · odds(expected)^slope``; without `expected` the slope is
    0. The estimate is the mean of the pool's accuracy over the posterior of both parameters: flat
    over the slope in [0, 1], Jeffreys' prior over the shift, so that without an error seen the
    interval still has a width. The interval is the shortest on the scale of arcsin √accuracy, where
    Jeffreys' prior is flat (Box and Tiao, 1973): near 1, tails of equal mass would leave out the
    likeliest accuracies and hold unlikely ones. The shift makes the labels' mean come out whatever
    the slope, so that a model that misjudges itself costs width but brings no bias; with slope 0 it
    is the interval of a share by that prior. Unequal weights count as fewer labels (Kish, 1965).

    Examples
    --------
    >>> import numpy as np
    >>> from active_learning import estimate_accuracy
    >>> found = estimate_accuracy(np.array([True] * 45 + [False] * 5))
    >>> round(found.value, 2), found.labels
    (0.89, 50)
    """
    right, mass, hope = _check(correct, weights, expected)
    check_pool(expected_mean, pool_size, high=1)
    if (expected is None) != (expected_mean is None):
        raise InputError("Give both `expected` and `expected_mean`, or neither.")
    check_number("level", level, low=0.5, high=0.9999)
    m = len(right)
    mass = mass * (m / float((mass**2).sum()))  # sums to the effective number of labels
    mass = mass * (CROSS_FITTED if cross_fitted else 1.0)
    shares, chances = _posterior(right, mass, hope=hope, expected_mean=expected_mean)
    value = float(shares @ chances)
    ends = _shortest(shares, chances, level)
    wider = 1.0 if pool_size is None else float(np.sqrt(1.0 + m / max(1, pool_size)))
    low, high = (float(np.clip(value + (end - value) * wider, 0.0, 1.0)) for end in ends)
    return Estimate(value, low, high, m)


def _posterior(
    right: np.ndarray,
    mass: np.ndarray,
    *,
    hope: np.ndarray | None,
    expected_mean: float | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return accuracies of the pool, one for each point of the grid, and their probabilities."""
    found = fit_correction(right, expected=hope, mass=mass)
    accuracy = found.rates @ found.share
    if hope is not None and expected_mean is not None:
        # What the labeled rows' mean expectation lacks of the pool's, to first order.
        share, given = mass / mass.sum(), np.clip(hope, *CLIPPED)
        spread = (found.rates * (1.0 - found.rates)) @ found.share
        rate = found.slopes * spread / float((given * (1.0 - given)) @ share)
        accuracy = accuracy + rate * (expected_mean - float(hope @ share))
    return np.clip(accuracy, 0.0, 1.0).ravel(), found.chances.ravel()


def _shortest(shares: np.ndarray, chances: np.ndarray, level: float) -> tuple[float, float]:
    """Return the ends of the shortest interval of probability `level`, on the arcsine scale."""
    order = np.argsort(shares, kind="stable")
    angles = np.arcsin(np.sqrt(shares[order]))
    below = np.cumsum(chances[order]) - chances[order] / 2
    left_out = np.linspace(0.0, 1.0 - level, ENDS)
    low, high = (np.interp(mass, below, angles) for mass in (left_out, left_out + level))
    best = int(first_lowest(high - low))
    return float(np.sin(low[best]) ** 2), float(np.sin(high[best]) ** 2)


@checked
def lure_weights(propensities: np.ndarray, *, pool_size: int) -> np.ndarray:
    """Return the weights of the levelled unbiased risk estimator, float64, shape (m,).

    The mean of weight · loss over m rows, each drawn with its propensity from all rows then left,
    is an unbiased estimate of the mean loss over the pool (Farquhar et al., 2021).

    Examples
    --------
    >>> import numpy as np
    >>> from active_learning import lure_weights
    >>> lure_weights(np.array([0.25, 1 / 3]), pool_size=4).round(2).tolist()
    [1.0, 1.0]
    """
    chance = read_numbers("propensities", propensities)
    if chance.ndim != 1:
        raise InputError(f"`propensities` must have shape (m,), got {chance.shape}.")
    check_count("pool_size", pool_size, low=0)
    m = len(chance)
    # Below the smallest normal number its reciprocal is none.
    bad = np.flatnonzero(~((chance >= np.finfo(np.float64).tiny) & (chance <= 1)))
    if len(bad):
        raise InputError(
            f"`propensities` must be in (0, 1], got {chance[bad[0]]} at place {bad[0]}: these rows "
            "were not drawn at random."
        )
    if m > pool_size:
        raise InputError(f"{counted(m, 'row')} cannot be drawn from a pool of {pool_size}.")
    if m == pool_size:
        return np.ones(m)
    left = pool_size - np.arange(m)
    return np.asarray(1.0 + (pool_size - m) / (left - 1.0) * (1.0 / (left * chance) - 1.0))


def _check(
    correct: np.ndarray, weights: np.ndarray | None, expected: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    right = drawn_numbers("correct", correct, high=1)
    mass = np.ones(len(right)) if weights is None else drawn_numbers("weights", weights)
    hope = None if expected is None else drawn_numbers("expected", expected, high=1)
    if mass.shape != right.shape or (hope is not None and hope.shape != right.shape):
        raise InputError("`correct`, `weights` and `expected` have different lengths.")
    if not len(right):
        raise InputError(
            "No labeled row was drawn at random, so that nothing can be said without bias. "
            "Ask with `audit` above 0."
        )
    if not (mass > 0).all():
        raise InputError("`weights` must be above 0 and finite.")
    return right, mass / mass.mean(), hope


def drawn_numbers(name: str, values: Any, *, high: float = np.inf) -> np.ndarray:
    """Return one number for each drawn row, float64, shape (m,), all in [0, `high`] and finite.

    Raises
    ------
    InputError
        When one is missing, infinite or outside; its place is named.
    """
    numbers = read_numbers(name, values)
    if numbers.ndim != 1:
        raise InputError(f"`{name}` must have one dimension, got {numbers.ndim}.")
    bad = np.flatnonzero(~(np.isfinite(numbers) & (numbers >= 0) & (numbers <= high)))
    if len(bad):
        allowed = "at least 0 and finite" if high == np.inf else f"in [0, {high:g}]"
        value = "missing" if np.isnan(numbers[bad[0]]) else f"{numbers[bad[0]]:g}"
        raise InputError(
            f"`{name}` must be {allowed}; {len(bad)} of {len(numbers)} are not, the first is "
            f"{value} at position {bad[0]}. Leave out rows of which nothing is known."
        )
    return numbers


def check_pool(expected_mean: float | None, pool_size: int | None, *, high: float = np.inf) -> None:
    """Check what an estimate is told of the pool, where it is told anything."""
    if expected_mean is not None:
        check_number("expected_mean", expected_mean, low=0, high=high)
        if expected_mean == np.inf:
            raise InputError("`expected_mean` must be finite, got inf.")
    if pool_size is not None:
        check_count("pool_size", pool_size, low=0)
