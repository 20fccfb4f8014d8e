"""Groups of different sizes that lie one behind the other in flat arrays."""

from __future__ import annotations

import numpy as np


def place_in_group(counts: np.ndarray) -> np.ndarray:
    """Return 0, 1, 2, … within each group, for groups of `counts` items, int64 (g,) in all."""
    return np.asarray(np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts))


def place_in_run(first: np.ndarray, *, n: int) -> np.ndarray:
    """Return 0, 1, 2, … from each of the positions `first` on, which begin with 0; int64 (n,)."""
    return np.asarray(np.arange(n) - np.repeat(first, np.diff(np.append(first, n))))


def positions(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return ``start … start + count − 1`` of each group, one behind the other; int64."""
    return np.asarray(np.repeat(starts, counts) + place_in_group(counts))
