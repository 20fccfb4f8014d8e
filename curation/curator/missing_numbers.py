"""Rows of a table that lack some of their numbers are rows all the same.

To tell copies they have no vector: what is missing equals nothing but another missing value. To
judge labels, outliers and quality by what is there, missing numbers stand at their column's median.
"""

from __future__ import annotations

import numpy as np

from thresher.core.arrow_kinds import is_list
from thresher.core.columns import read_column
from thresher.core.counted import counted

from .rows import Rows


def at_medians(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers, float (n, d), medians where one is missing, and which rows these are.

    A row without any number, with an infinite one, or a vector in one cell stays as it is.
    """
    values = rows.values()
    missing = np.isnan(values)
    some = missing.any(axis=1) & ~missing.all(axis=1) & ~np.isinf(values).any(axis=1)
    if any(is_list(read_column(rows.dataset, name).type) for name in rows.columns):
        some[:] = False
    if not some.any():
        return values, some
    finite = np.where(np.isinf(values), np.nan, values)
    known = ~np.isnan(finite).all(axis=0)
    medians = np.zeros(values.shape[1], values.dtype)
    medians[known] = np.nanmedian(finite[:, known], axis=0)
    return np.where(missing & some[:, None], medians, values), some


def describe_missing(rows: Rows, lacking: np.ndarray) -> str:
    """Say in how many rows which columns are missing, most often missing first."""
    counts = np.isnan(rows.values()).sum(axis=0)
    order = np.argsort(-counts, kind="stable")
    names = [
        f"{rows.columns[at]!r} in {counted(counts[at], 'row')}" for at in order[:5] if counts[at]
    ]
    return (
        f"numbers are missing: {', '.join(names)}; the {counted(lacking.sum(), 'row')} that lack "
        "some are near to no other, and judged as if these were at the median"
    )
