"""Log-odds of probabilities, and back, so that no two different numbers become one."""

from __future__ import annotations

import numpy as np

# Probabilities off 0 and 1 by no more than float64 can hold.
LEAST, MOST = 5e-324, 1 - 2.0**-53


def logit(probs: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities, finite for 0 and 1 too: −744 to 37."""
    inside = np.clip(np.asarray(probs, np.float64), LEAST, MOST)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def sigmoid(values: np.ndarray) -> np.ndarray:
    """Probabilities of log-odds, precise near 0 as far as float64 goes."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -np.asarray(values, np.float64))))


def tempered(log_odds: np.ndarray, *, plain: float) -> np.ndarray:
    """Let log-odds beyond `plain` grow by their logarithm; the order of any two stays.

    Evidence that is ten times as sure has not seen ten times as much, and a line that is fitted to
    few answers would else follow the one row whose log-odds are the largest.
    """
    size = np.abs(log_odds)
    beyond = plain + np.log1p(np.maximum(size - plain, 0))
    return np.asarray(np.where(size <= plain, log_odds, np.sign(log_odds) * beyond))


def in_order_of(values: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return positive `values`, shape (n,), moved by last bits so that none meet that were apart.

    They rise with `before`, shape (n,), but for rounding; where `before` is equal they are equal.
    """
    if not len(values):
        return values
    _, first, place = np.unique(before, return_index=True, return_inverse=True)
    rising = np.maximum.accumulate(np.asarray(values, np.float64)[first])
    # Positive floats are ordered as the integers that their bits are.
    steps = np.arange(len(rising))
    bits = np.minimum.accumulate((rising.view(np.int64) - steps)[::-1])[::-1] + steps
    return np.asarray(np.ascontiguousarray(bits).view(np.float64)[place])
