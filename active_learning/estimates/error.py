"""A mean error, with an interval, from labels drawn with known probability; see `estimate`."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from thresher.core.errors import InputError, check_number
from thresher.core.matrices import LARGEST
from thresher.core.signatures import checked

from .accuracy import Estimate, check_pool, drawn_numbers


@checked
def estimate_error(
    errors: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    expected: np.ndarray | None = None,
    expected_mean: float | None = None,
    pool_size: int | None = None,
    level: float = 0.95,
) -> Estimate:
    """Estimate the mean absolute error of a regression model over a pool.

    Parameters
    ----------
    errors : ndarray of float64, shape (m,)
        Absolute errors of a model that was not fitted on these rows; two or more.
    weights : ndarray of float64, shape (m,), optional
        Inverse of each row's probability relative to a uniform draw, as in `estimate_accuracy`.
    expected : ndarray of float64, shape (m,), optional
        The error that the model expects of each row.
    expected_mean : float, optional
        The mean of that over the pool; goes with `expected`.
    pool_size : int, optional
        Rows that the estimate is about, none of them among the labels: with few of them their own
        scatter widens the interval.
    level : float
        Probability that the interval holds the truth.

    Raises
    ------
    InputError
        When lengths differ, a value is missing, negative or infinite, a weight is not positive, or
        there are fewer than two rows.

    Notes
    -----
    `expected_mean` plus the weighted mean of ``errors − slope · (expected − its mean)``: the slope
    (least squares, in [0, 1]) keeps a model that misjudges itself from adding variance. Student's
    interval; what the model expects of itself is a control variate (Angelopoulos et al., 2023).

    Examples
    --------
    >>> import numpy as np
    >>> from active_learning import estimate_error
    >>> found = estimate_error(np.array([0.5, 1.0, 1.5, 1.0]))
    >>> round(found.value, 2)
    1.0
    """
    wrong = drawn_numbers("errors", errors, high=LARGEST)
    mass = np.ones(len(wrong)) if weights is None else drawn_numbers("weights", weights)
    check_pool(expected_mean, pool_size)
    if (expected is None) != (expected_mean is None):
        raise InputError("Give both `expected` and `expected_mean`, or neither.")
    check_number("level", level, low=0.5, high=0.9999)
    m = len(wrong)
    if m < 2:
        raise InputError(f"An error needs two rows or more with a known draw, got {m}.")
    if mass.shape != wrong.shape or not (mass > 0).all():
        raise InputError("`weights` must be above 0 and finite, one for each error.")
    mass = mass / mass.mean()
    residual, shift = wrong, 0.0
    if expected is not None and expected_mean is not None:
        hope = drawn_numbers("expected", expected)
        if hope.shape != wrong.shape:
            raise InputError("`errors` and `expected` have different lengths.")
        slope = _slope(hope, wrong)
        residual, shift = wrong - slope * hope, slope * expected_mean
    mean = float(np.average(residual, weights=mass))
    value = max(0.0, mean + shift)
    spread = float(np.sqrt(((mass * (residual - mean)) ** 2).sum() / (m - 1) / m))
    half = float(stdtrit(m - 1, 0.5 + level / 2)) * spread
    if pool_size is not None:
        half *= float(np.sqrt(1.0 + m / max(1, pool_size)))
    return Estimate(value, max(0.0, value - half), value + half, m)


def _slope(expected: np.ndarray, errors: np.ndarray) -> float:
    centered = expected - expected.mean()
    variance = float(centered @ centered)
    return float(np.clip(centered @ errors / variance, 0.0, 1.0)) if variance > 0 else 0.0
