"""Positions at equal distances, so that a part of sorted rows has seen them all."""

from __future__ import annotations

import numpy as np


def equally_spaced(count: int, most: int) -> np.ndarray:
    """Return at most `most` of `count` positions, int64, sorted, the first and the last included.

    Parameters
    ----------
    count : int
    most : int
        At least 1.
    """
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).round().astype(np.int64)
