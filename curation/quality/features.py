"""Quality of numeric features: not finite and extreme values; columns that say nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.matrices import as_matrix

from .result import Finding, finding

# Interquartile ranges from the median that no sound value has, as it is and as a logarithm; 6 of
# them are 8 standard deviations of a normal one.
REACH, LOG_REACH = 12.0, 6.0
# A column with a larger share of extreme values, and with more than one, is heavy-tailed, which is
# no defect of its rows.
RAREST = 0.01
# Of fewer rows whole numbers may be one apart by chance.
FEWEST_NUMBERED = 20


def feature_findings(
    values: np.ndarray | Sequence[Any], *, names: Sequence[str] | None = None
) -> tuple[list[Finding], tuple[str, ...], dict[str, np.ndarray]]:
    """Return findings about rows, notes about columns, and the columns, of features (n, d).

    Columns without `names` are counted from 0.
    """
    table = as_matrix("values", values).astype(np.float64)
    if names is not None and len(names) != table.shape[1]:
        raise InputError(
            f"There are {counted(table.shape[1], 'column')}, but {counted(len(names), 'name')}."
        )
    called = list(map(str, range(table.shape[1]) if names is None else names))
    finite = np.isfinite(table)
    broken = np.asarray(~finite.all(axis=1))
    counts = (~finite).sum(axis=1)
    findings = [
        finding(
            "not finite",
            broken,
            scores=0.0,
            details=[f"{count} value(s) NaN or infinite" for count in counts[broken]],
        ),
        _extreme(np.where(finite, table, np.nan), called),
    ]
    of = "column {}" if names is None else "{}"
    properties = {of.format(name): column for name, column in zip(called, table.T, strict=True)}
    return findings, _notes(table, finite, called), properties


def _extreme(table: np.ndarray, called: list[str]) -> Finding:
    """Find rows with a value far outside its column, also after a logarithm."""
    n = len(table)
    filled = ~np.isnan(table).all(axis=0)
    if n < 20 or not filled.any():
        return finding("extreme value", np.zeros(n, dtype=bool), scores=1.0, details=[])
    columns = table[:, filled]
    plain = _excess(columns)
    shifted = np.sign(columns) * np.log1p(np.abs(columns))
    excess = np.nan_to_num(np.minimum(plain / REACH, _excess(shifted) / LOG_REACH), nan=0.0)
    excess[:, (excess > 1).sum(axis=0) > max(1, RAREST * n)] = 0
    worst = excess.max(axis=1)
    mask = worst > 1
    which = np.flatnonzero(filled)[excess.argmax(axis=1)]
    details = [
        f"column {called[place]} is {table[row, place]:.4g}, {worst[row]:.1f} times as far "
        "from the median as a sound value is"
        for row, place in zip(np.flatnonzero(mask), which[mask], strict=True)
    ]
    scores = 0.5 / np.maximum(worst, 1)
    return finding("extreme value", mask, scores=scores, details=details)


def _excess(columns: np.ndarray) -> np.ndarray:
    lower, median, upper = np.nanquantile(columns, [0.25, 0.5, 0.75], axis=0)
    # Half of the values may be equal (zeros of a sparse column): then nothing is extreme.
    spread = np.where(upper > lower, upper - lower, np.inf)
    return np.asarray(np.abs(columns - median) / spread)


def _notes(table: np.ndarray, finite: np.ndarray, called: list[str]) -> tuple[str, ...]:
    """Say which columns hold nothing, one value, or only count the rows."""
    if not len(table):
        return ()
    low = np.where(finite, table, np.inf).min(axis=0)
    high = np.where(finite, table, -np.inf).max(axis=0)
    blank = ~finite.any(axis=0)
    kinds = {
        "empty column(s), without a finite value": blank,
        "constant column(s)": (low >= high) & ~blank,
        "column(s) that number the rows, as an identifier does": _numbering(table, finite),
    }
    return tuple(
        f"{mask.sum()} {kind}: {_listed(mask, called)}"
        for kind, mask in kinds.items()
        if mask.any()
    )


def _numbering(table: np.ndarray, finite: np.ndarray) -> np.ndarray:
    """Tell columns of whole numbers that are all different and one apart, in any order."""
    n, d = table.shape
    found = np.zeros(d, dtype=bool)
    if n < FEWEST_NUMBERED:
        return found
    for place in np.flatnonzero(finite.all(axis=0)):
        column = table[:, place]
        if column.max() - column.min() == n - 1 and (column == np.floor(column)).all():
            found[place] = len(np.unique(column)) == n
    return found


def _listed(mask: np.ndarray, called: list[str]) -> str:
    found = np.flatnonzero(mask)
    return ", ".join(called[at] for at in found[:10]) + (", …" if len(found) > 10 else "")
