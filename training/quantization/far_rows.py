"""Calibration rows far outside all others, which would take the range of integers for themselves.

A row of a thousand times the values of the others leaves each of them a few integers: the model
falls to chance, and a range chosen by squared error is no help, since that row's error is the
largest. Cost: one number for each row and place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_FAR = 10.0
_MOST = 0.01
_FEWEST = 20


def find_far_rows(sizes: Sequence[np.ndarray]) -> np.ndarray:
    """Return the positions of rows that are ten times as large as the usual ones somewhere.

    Parameters
    ----------
    sizes : sequence of ndarray, shape (n,)
        Largest absolute value of each row, for each place of the network.

    Returns
    -------
    ndarray of int64
        Sorted; one row in a hundred at most, or one. More are no outliers but a kind of their own,
        and among fewer than 20 rows nothing is usual: then none.
    """
    if not sizes or len(sizes[0]) < _FEWEST:
        return np.zeros(0, dtype=np.int64)
    most = max(1, int(_MOST * len(sizes[0])))
    ratios = np.max([_ratios(size, most) for size in sizes], axis=0)
    order = np.argsort(-ratios, kind="stable")[:most]
    return np.sort(order[ratios[order] > _FAR])


def _ratios(size: np.ndarray, most: int) -> np.ndarray:
    """Divide by the largest of the usual rows; 0 where all but the largest are 0."""
    usual = np.partition(size, len(size) - 1 - most)[len(size) - 1 - most]
    ratios: np.ndarray = np.divide(size, usual, out=np.zeros(len(size)), where=usual > 0)
    return ratios
