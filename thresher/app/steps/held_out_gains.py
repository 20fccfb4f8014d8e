"""What a learner gains, on rows that it has not seen, by leaving out rows with flagged labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from curation import find_label_issues

from ...core.numerics.folds import spread_over_folds

PARTS = 3


def gains_by_part(
    vectors: np.ndarray,
    codes: np.ndarray,
    *,
    order: np.ndarray,
    right: Callable[[np.ndarray, np.ndarray], np.ndarray],
    method: str,
    seed: int,
) -> np.ndarray:
    """Return by how much it is ahead on each row without the flagged ones: 1, 0 or −1.

    Labels are flagged among the rows of the other parts alone.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    codes : ndarray of int64, shape (n,)
        Labels as they are.
    order : ndarray of int64, shape (n,)
        The rows as they are dealt to the parts.
    right : callable
        Learns the rows of the first positions and returns which of the second it gets right.
    method : str
        As in `find_label_issues`.
    seed : int

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    part_of = spread_over_folds(order, PARTS)
    gains = np.zeros(len(codes))
    for part in range(PARTS):
        others, held = np.flatnonzero(part_of != part), np.flatnonzero(part_of == part)
        found = find_label_issues(
            codes[others], embeddings=vectors[others], method=method, random_state=seed
        )
        if found.flagged.any():
            gains[held] = right(others[~found.flagged], held).astype(float) - right(others, held)
    return gains
