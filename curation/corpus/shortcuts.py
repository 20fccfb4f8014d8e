"""Shortcuts: one plain property, such as brightness or length, that gives a label away.

A model takes the easiest way to the training labels (Geirhos et al., Nature Machine Intelligence
2020). Each property is cut into quantile bins; a class's rows are then found from the bin alone, in
rows that the bins' odds were not counted on. Where that works too well, the label may hang on how
the data were collected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from thresher.core.randomness import check_random_state
from thresher.core.ties import first_highest, highest_first

from .result import CorpusIssue

BINS = 32
FOLDS = 2
# A class needs this many rows for its ranking to say anything.
FEWEST_ROWS = 20
SHOWN = 3


@dataclass(frozen=True)
class Shortcut:
    """How well one property ranks the rows of each class before all others: AUC, (classes,)."""

    name: str
    auc: np.ndarray
    classes: np.ndarray


def shortcut_issues(
    properties: Mapping[str, np.ndarray],
    codes: np.ndarray,
    classes: tuple[str, ...],
    *,
    sure: float,
    random_state: int,
) -> tuple[list[CorpusIssue], str]:
    """Return properties that find a class with an AUC of at least `sure`."""
    found = [
        measure(name, values, codes, random_state=random_state)
        for name, values in properties.items()
    ]
    measured = [shortcut for shortcut in found if len(shortcut.auc)]
    if not measured:
        return [], f"not assessable: no class and its rest have {FEWEST_ROWS} rows each"
    best = measured[int(first_highest(np.array([one.auc.max() for one in measured])))]
    place = best.classes[first_highest(best.auc)]
    sentence = (
        f"{len(measured)} properties; the most telling is {best.name} for {classes[place]!r} "
        f"(AUC {best.auc.max():.2f})"
    )
    return [_issue(one, classes, sure) for one in measured if one.auc.max() >= sure], sentence


def measure(name: str, values: np.ndarray, codes: np.ndarray, *, random_state: int) -> Shortcut:
    """Measure how far one property, float (n,), NaN = not measured, gives the labels away."""
    bins = to_bins(values)
    usable = codes >= 0
    bins, codes = bins[usable], codes[usable]
    counts = np.bincount(codes, minlength=1)
    judged = np.flatnonzero((counts >= FEWEST_ROWS) & (len(codes) - counts >= FEWEST_ROWS))
    folds = check_random_state(random_state).permutation(len(codes)) % FOLDS
    auc = np.array([_auc(bins, codes == code, folds) for code in judged])
    return Shortcut(name, auc, judged)


def to_bins(values: np.ndarray) -> np.ndarray:
    """Cut values, float (n,), at their quantiles, int (n,); what is not finite is bin 0."""
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(len(values), dtype=np.int64)
    edges = np.unique(np.quantile(values[finite], np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.where(finite, 1 + np.searchsorted(edges, values, side="right"), 0)


def _auc(bins: np.ndarray, member: np.ndarray, folds: np.ndarray) -> float:
    """Rank each fold's rows by the odds of their bin in the other folds; mean AUC."""
    areas = []
    for fold in range(FOLDS):
        learnt, judged = folds != fold, folds == fold
        inside = np.bincount(bins[learnt & member], minlength=BINS + 1) + 0.5
        outside = np.bincount(bins[learnt & ~member], minlength=BINS + 1) + 0.5
        odds = np.log(inside / outside)
        areas.append(binned_auc(odds, bins[judged & member], bins[judged & ~member]))
    return float(np.mean(areas))


def binned_auc(scores: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> float:
    """Return P(score inside > score outside) + half P(equal), for rows given by their bin."""
    values, place = np.unique(scores, return_inverse=True)
    first = np.bincount(place[inside], minlength=len(values))
    second = np.bincount(place[outside], minlength=len(values))
    below = np.concatenate([[0], np.cumsum(second)[:-1]])
    return float((first * (below + second / 2)).sum() / max(1, first.sum() * second.sum()))


def _issue(shortcut: Shortcut, classes: tuple[str, ...], sure: float) -> CorpusIssue:
    order = highest_first(shortcut.auc)
    told = [place for place in order if shortcut.auc[place] >= sure]
    named = ", ".join(
        f"{classes[shortcut.classes[place]]!r} (AUC {shortcut.auc[place]:.2f})"
        for place in told[:SHOWN]
    )
    more = f" and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return CorpusIssue(
        "shortcut",
        float(2 * (1 - shortcut.auc.max())),
        f"{shortcut.name} alone finds the rows of {named}{more}. If that comes from how the rows "
        "were collected, a model will learn it instead of the subject: level it out, or test on "
        "rows where it differs.",
        {
            "property": shortcut.name,
            "auc": {
                classes[shortcut.classes[place]]: round(float(shortcut.auc[place]), 4)
                for place in told
            },
        },
    )
