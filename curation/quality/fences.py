"""Fences: how far from the bulk of a corpus a value lies."""

from __future__ import annotations

import numpy as np

FEWEST_VALUES = 20


def fences(values: np.ndarray, *, reach: float, least: float = 0.0) -> tuple[float, float]:
    """Return the lower and upper fence: quartiles −/+ `reach` × interquartile range (Tukey, 1977).

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        NaN is left out. With fewer than 20 values there is no bulk, and the fences are infinite.
    reach : float
    least : float
        The interquartile range counts as at least this.
    """
    finite = values[np.isfinite(values)]
    if len(finite) < FEWEST_VALUES:
        return -np.inf, np.inf
    lower, upper = np.quantile(finite, [0.25, 0.75])
    spread = max(upper - lower, least)
    return float(lower - reach * spread), float(upper + reach * spread)
