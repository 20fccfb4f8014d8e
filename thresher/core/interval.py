"""Intervals of a measured share, and of the difference of two on the same rows."""

from __future__ import annotations

import math

import numpy as np

Z = 1.959963984540054  # of a 95 % interval


def wilson_interval(successes: float, trials: float, *, z: float = Z) -> tuple[float, float]:
    """Return the score interval of a share (Wilson, 1927), by default of 95 %.

    Parameters
    ----------
    successes, trials : float
        Need not be whole: effective numbers of a weighted or clustered sample are fine. Without
        trials it is (0, 1).
    z : float
        Standard errors on either side; 1.2816 gives 80 %.
    """
    if trials <= 0:
        return 0.0, 1.0
    share, spread = successes / trials, z * z / trials
    center = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    # The limits at 0 and 1 are exact; computed, they are off in the last bit.
    low = center - half if share > 0 else 0.0
    high = center + half if share < 1 else 1.0
    return max(0.0, low), min(1.0, high)


def paired_drop(before: np.ndarray, after: np.ndarray) -> tuple[float, float, float]:
    """Return how much accuracy was lost on the same rows, with a 95 % interval.

    Only rows on which the two differ carry information (McNemar, 1947); the interval is that of a
    mean difference, with half a row added to each of the four counts (both right, one, the other,
    none) so that it never has the width zero (Agresti and Min, Statistics in Medicine 2005).

    Parameters
    ----------
    before, after : ndarray of bool, shape (n,)
        Whether each row is right.

    Returns
    -------
    lost, low, high : float
        Shares of rows; below 0 where accuracy was won. Without rows 0, −1 and 1: nothing is known.

    Examples
    --------
    >>> import numpy as np
    >>> from thresher.core.interval import paired_drop
    >>> before, after = np.array([True] * 90 + [False] * 10), np.array([True] * 85 + [False] * 15)
    >>> [round(value, 3) for value in paired_drop(before, after)]
    [0.05, 0.003, 0.095]
    """
    n = len(before)
    if n == 0:
        return 0.0, -1.0, 1.0
    lost, won = int((before & ~after).sum()), int((~before & after).sum())
    center = (lost - won) / (n + 2)
    spread = math.sqrt((lost + won + 1) - (lost - won) ** 2 / (n + 2)) / (n + 2)
    return (lost - won) / n, max(-1.0, center - Z * spread), min(1.0, center + Z * spread)
