"""Which of several copies stays: policies that a curator's step or a command names.

``connected`` is the rule of `grouping`: the row with the most close neighbors. The others are
those of `grouping.keep_by`, and ``column:NAME``, by which the copy with the highest number in a
column of the user's own stays.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from thresher.core.arrow_kinds import is_number, is_string
from thresher.core.columns import read_column
from thresher.core.errors import InputError, check_choice, check_column
from thresher.core.loading.cells import clean_features
from thresher.core.neighbors import NeighborGraph

from ..duplicates.stars import POLICIES, keep_by
from .rows import Rows

CONNECTED, COLUMN = "connected", "column:"
NEEDS = {"resolution": "image", "length": "text"}


def check_keep(keep: str) -> str:
    """Return a policy that is known, or raise."""
    if keep.startswith(COLUMN) and keep != COLUMN:
        return keep
    return check_choice("keep", keep, (CONNECTED, *POLICIES, f"{COLUMN}NAME"))


def score_column(keep: str) -> str | None:
    """Return the column that a policy names."""
    return keep.removeprefix(COLUMN) if keep.startswith(COLUMN) else None


def keep_priority(keep: str, rows: Rows, graph: Callable[[], NeighborGraph]) -> np.ndarray | None:
    """Turn a policy into a priority for each row; higher is kept.

    Parameters
    ----------
    keep : str
        See `check_keep`.
    rows : Rows
    graph : callable
        Returns the pairs of close rows, for the policies that look at them.

    Returns
    -------
    ndarray of float64, shape (n,), or None
        None for ``"connected"``. A row without a number in the column comes last.

    Raises
    ------
    InputError
        When the rows are not of the kind that the policy needs.
    """
    if keep == CONNECTED:
        return None
    name = score_column(keep)
    if name is not None:
        return _own_scores(rows, name)
    if keep in NEEDS and rows.modality != NEEDS[keep]:
        raise InputError(
            f"`keep` {keep!r} is for data of kind {NEEDS[keep]!r}, this is {rows.modality!r}. "
            f"Name a column of numbers instead: {COLUMN}NAME."
        )
    if keep == "label_agreement" and rows.names is None:
        raise InputError("`keep` 'label_agreement' needs the label column: name it with `label`.")
    values = rows.values() if keep in NEEDS else None
    return keep_by(keep, graph(), labels=rows.names, values=values)


def _own_scores(rows: Rows, name: str) -> np.ndarray:
    check_column(name, rows.dataset.column_names, role="column of `keep`")
    if name in rows.columns:
        raise InputError(
            f"The column {name!r} of `keep` is one of those that rows are compared by. Name the "
            "columns to compare without it."
        )
    column = read_column(rows.dataset, name)
    if not is_number(column.type) and not is_string(column.type):
        raise InputError(f"The column {name!r} of `keep` holds {column.type}, not numbers.")
    numbers = clean_features(column, name=name)[0].cast(pa.float64(), safe=False).to_numpy()
    scores = np.where(np.isnan(numbers), -np.inf, numbers)
    if len(scores) and not np.isfinite(scores).any():
        raise InputError(f"The column {name!r} of `keep` holds no number.")
    return scores
