"""How far rows of today are from those of a reference, as one number, and which columns moved.

A classifier is fitted to tell both apart on one half of the batches and scores the other half, and
the other way round; how often it ranks a row of today above one of the reference (AUC: 0.5 where
nothing moved, 1 where everything did) is the size of the drift. It does not grow with the
number of rows, as a p-value does. Rows of one batch (an hour, a session) are not independent, so
whole batches count as units, in the interval as in the ranking of columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.classes import class_texts
from thresher.core.counted import counted
from thresher.core.errors import InputError, check_number
from thresher.core.missing import read_numbers
from thresher.core.signatures import checked

FEWEST = 20
_MOST = 15_000  # rows of each side, evenly spaced; more change the third digit


@dataclass(frozen=True)
class ColumnDrift:
    """One column.

    Attributes
    ----------
    name : str
    auc : float
        How often a value of today lies above one of the reference.
    q : float
        Benjamini–Hochberg over all columns: the share of wrong ones among those as extreme.
    psi : float
        Population stability index, for those used to it; nothing is decided by it.
    """

    name: str
    auc: float
    q: float
    psi: float


@dataclass(frozen=True)
class Drift:
    """How far two sets of rows are apart.

    Attributes
    ----------
    auc, low, high : float or None
        With the 95 % interval; None where there are too few rows to say.
    rows, batches : int
        Of today.
    columns : list of ColumnDrift
        The farthest first.
    problems : list of str
        Columns that vanished, are constant or empty, new ones, in sentences.
    """

    auc: float | None
    low: float | None
    high: float | None
    rows: int
    batches: int
    columns: list[ColumnDrift] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def moved(self, *, least: float = 0.55) -> bool:
        """Tell whether the rows moved by more than chance and by more than an effect of `least`."""
        return self.low is not None and self.low > least

    def __str__(self) -> str:
        if self.auc is None:
            return f"too few rows ({self.rows}; {FEWEST} at least)"
        return f"{self.auc:.3f} (95 % interval {self.low:.3f} to {self.high:.3f})"


@checked
def compare_rows(
    reference: Mapping[str, ArrayLike],
    current: Mapping[str, ArrayLike],
    *,
    batches: ArrayLike | None = None,
    reference_batches: ArrayLike | None = None,
) -> Drift:
    """Compare rows of today with those of a reference.

    Parameters
    ----------
    reference, current : mapping of str to array, shape (n,) each
        Columns of numbers; NaN is taken as a value of its own. Of more than 15,000 rows so many
        are looked at, evenly spaced: the error of the AUC is then 0.003.
    batches, reference_batches : array, shape (n,), optional
        What rows came together, such as the hour; by default each row by itself.

    Raises
    ------
    InputError
        When columns differ in length, or no column is in both.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import compare_rows
    >>> rng = np.random.default_rng(0)
    >>> old = {"a": rng.normal(size=1000), "b": rng.normal(size=1000)}
    >>> new = {"a": rng.normal(size=500), "b": rng.normal(1, 1, 500)}
    >>> found = compare_rows(old, new)
    >>> found.moved(), found.columns[0].name
    (True, 'b')
    """
    old, new = _columns(reference, "reference"), _columns(current, "current")
    names = [name for name in old if name in new]
    if not names:
        raise InputError(
            f"No column is in both: the reference has {', '.join(old)}; the rows have "
            f"{', '.join(new)}."
        )
    rows_old, rows_new = len(old[names[0]]), len(new[names[0]])
    units_old = _units(_units(reference_batches, rows_old)[:: _step(rows_old)], None)
    units_new = _units(_units(batches, rows_new)[:: _step(rows_new)], None)
    old = {name: values[:: _step(rows_old)].astype(np.float64) for name, values in old.items()}
    new = {name: values[:: _step(rows_new)].astype(np.float64) for name, values in new.items()}
    problems = _problems(old, new)
    if min(rows_old, rows_new) < FEWEST or min(units_old.max(), units_new.max()) < 3:
        return Drift(None, None, None, rows_new, len(np.unique(units_new)), [], problems)
    table_old = np.column_stack([old[name] for name in names])
    table_new = np.column_stack([new[name] for name in names])
    auc, low, high = _two_sample(table_old, table_new, units_old, units_new)
    ranked = _ranked(names, table_old, table_new, units_old, units_new)
    return Drift(auc, low, high, rows_new, int(units_new.max()) + 1, ranked, problems)


def _columns(given: Mapping[str, ArrayLike], what: str) -> dict[str, np.ndarray]:
    columns = {name: _numbers(f"{what}[{name!r}]", values) for name, values in given.items()}
    flat = all(column.ndim == 1 for column in columns.values())
    if len({column.shape for column in columns.values()}) > 1 or not columns or not flat:
        shapes = {name: column.shape for name, column in columns.items()}
        raise InputError(f"`{what}` must have columns of one length, got {shapes}.")
    return columns


def _numbers(name: str, values: ArrayLike) -> np.ndarray:
    try:
        return read_numbers(name, values)
    except InputError as error:
        raise InputError(f"{error} Give codes, lengths or embeddings.") from error


def _step(rows: int) -> int:
    return max(1, -(-rows // _MOST))


def _units(batches: ArrayLike | None, rows: int | None) -> np.ndarray:
    if batches is None:
        return np.arange(rows or 0)
    units = np.unique(class_texts(batches, name="batches"), return_inverse=True)[1]
    if units.ndim != 1 or (rows is not None and len(units) != rows):
        raise InputError(
            f"`batches` names the batch of {counted(len(units), 'row')}; there are {rows}."
        )
    shown: np.ndarray = units
    return shown


def _problems(old: dict[str, np.ndarray], new: dict[str, np.ndarray]) -> list[str]:
    said = [f"Column {name!r} has vanished." for name in old if name not in new]
    said += [f"Column {name!r} is new." for name in new if name not in old]
    for name in [name for name in old if name in new and len(new[name])]:
        gone, before = np.isnan(new[name]).mean(), np.isnan(old[name]).mean()
        values = new[name][~np.isnan(new[name])]
        varied = len(np.unique(old[name][~np.isnan(old[name])])) > 1
        if gone == 1 and before < 1:
            said.append(f"Column {name!r} is empty (all NaN).")
        elif varied and len(values) > 1 and len(np.unique(values)) == 1:
            said.append(f"Column {name!r} is constant ({values[0]:g}).")
        elif gone > before + 0.05:
            said.append(
                f"Column {name!r} is missing in {100 * gone:.0f} % of the rows, before in "
                f"{100 * before:.0f} %."
            )
    return said


def design(rows: np.ndarray, center: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return standardized values, their squares and what is missing: moments that may move."""
    missing = np.isnan(rows)
    plain = np.clip((np.where(missing, center, rows) - center) / scale, -8, 8)
    return np.hstack([plain, plain**2, missing])


def fit_direction(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return weights that tell two designs apart (Fisher's discriminant with a ridge)."""
    old, new = (part[:: max(1, len(part) // _MOST)] for part in (old, new))
    gap = new.mean(0) - old.mean(0)
    centered = np.vstack([old - old.mean(0), new - new.mean(0)])
    scatter = centered.T @ centered / len(centered)
    ridge = 1e-9 + np.trace(scatter) / len(centered)
    shown: np.ndarray = np.linalg.solve(scatter + ridge * np.eye(len(scatter)), gap)
    return shown


def ranks_among(scores: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return for each score the share of the reference below it, ties half: its mean is the AUC."""
    ordered = np.sort(reference)
    below = np.searchsorted(ordered, scores, side="left")
    upto = np.searchsorted(ordered, scores, side="right")
    shown: np.ndarray = (below + upto) / 2 / len(ordered)
    return shown


def scaling(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return center and scale of columns, without what is missing."""
    filled = np.where(np.isnan(rows), 0, rows)
    count = np.maximum((~np.isnan(rows)).sum(0), 1)
    center = filled.sum(0) / count
    spread = np.sqrt((np.where(np.isnan(rows), 0, rows - center) ** 2).sum(0) / count)
    return center, np.where(spread > 1e-12, spread, 1.0)


def _two_sample(
    old: np.ndarray, new: np.ndarray, units_old: np.ndarray, units_new: np.ndarray
) -> tuple[float, float, float]:
    center, scale = scaling(old)
    old, new = design(old, center, scale), design(new, center, scale)
    shares_new, shares_old = np.empty(len(new)), np.empty(len(old))
    for side in (0, 1):
        fit_old, fit_new = units_old % 2 == side, units_new % 2 == side
        weights = fit_direction(old[fit_old], new[fit_new])
        scores_old, scores_new = old[~fit_old] @ weights, new[~fit_new] @ weights
        shares_new[~fit_new] = ranks_among(scores_new, scores_old)
        shares_old[~fit_old] = 1 - ranks_among(scores_old, scores_new)
    auc = float(shares_new.mean())
    # DeLong's variance, with whole batches in the place of rows.
    variance = sum(
        _mean_variance(shares, units)
        for shares, units in ((shares_new, units_new), (shares_old, units_old))
    )
    half = 1.959964 * float(np.sqrt(variance))
    return auc, max(0.0, auc - half), min(1.0, auc + half)


def _mean_variance(values: np.ndarray, units: np.ndarray) -> float:
    """Return the variance of a mean whose rows come in units."""
    sums = np.bincount(units, values - values.mean())
    count = len(sums)
    return float((sums**2).sum()) / len(values) ** 2 * count / (count - 1)


def _ranked(
    names: list[str],
    old: np.ndarray,
    new: np.ndarray,
    units_old: np.ndarray,
    units_new: np.ndarray,
) -> list[ColumnDrift]:
    from scipy.stats import rankdata, t

    both = np.vstack([old, new])
    both = np.where(np.isnan(both), -np.inf, both)  # below all values
    ranks = np.apply_along_axis(rankdata, 0, both) / len(both)
    count_old, count_new = int(units_old.max()) + 1, int(units_new.max()) + 1
    units = np.concatenate([units_old, count_old + units_new])
    size = np.bincount(units)[:, None]
    means = np.column_stack([np.bincount(units, column) for column in ranks.T]) / size
    gap = means[count_old:].mean(0) - means[:count_old].mean(0)
    # Under permutation of whole batches the gap has this spread.
    spread = means.std(0, ddof=1) * np.sqrt(1 / count_old + 1 / count_new)
    score = np.divide(np.abs(gap), spread, out=np.zeros_like(gap), where=spread > 0)
    p = 2 * t.sf(score, count_old + count_new - 2)
    q = benjamini_hochberg(p)
    auc = 0.5 + (ranks[len(old) :].mean(0) - ranks[: len(old)].mean(0))
    found = [
        ColumnDrift(name, float(auc[at]), float(q[at]), _psi(old[:, at], new[:, at]))
        for at, name in enumerate(names)
    ]
    return sorted(found, key=lambda one: (-abs(one.auc - 0.5), one.name))


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Return the adjusted p-values (Benjamini and Hochberg, 1995)."""
    order = np.argsort(p)[::-1]
    scaled = p[order] * len(p) / np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.minimum.accumulate(scaled))
    return adjusted


def _psi(old: np.ndarray, new: np.ndarray) -> float:
    check_number("rows", len(new), low=1)
    edges = np.unique(np.nanquantile(old, np.linspace(0.1, 0.9, 9))) if len(old) else np.zeros(0)
    shares = []
    for side in (old, new):
        bins = np.where(np.isnan(side), len(edges) + 1, np.searchsorted(edges, side))
        counts = np.bincount(bins.astype(int), minlength=len(edges) + 2) + 0.5
        shares.append(counts / counts.sum())
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
