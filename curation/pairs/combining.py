"""One score of several: a linear head on what was measured, learned from a few hundred pairs.

M-FLYT learns to weigh the scores of several filters (M. Shechter and Y. Carmon, "Filter Like You
Test", NeurIPS 2025); here the weights come from pairs that somebody looked at. Logistic regression
on standardized measures, judged on rows that it was not fitted on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.files import read_json, write_json
from thresher.core.shown import Shown

from .collecting import PairScores

FORMAT = 1
FEATURES = (
    "similarity",
    "contrast",
    "caption_words",
    "caption_characters",
    "caption_repeats",
    "caption_fault",
    "image_fault",
    "side",
    "aspect",
)
FEWEST, FOLDS = 10, 5


@dataclass(frozen=True, repr=False)
class PairHead(Shown):
    """A linear head on the measures of a pair.

    Attributes
    ----------
    names : tuple of str
        Measures that it reads; lengths, counts and pixels by their logarithm.
    mean, scale, weights : tuple of float
        Of each measure: what is subtracted, what that is divided by, and what it counts.
    intercept : float
    average_precision : dict of str to float
        On labeled pairs that were left out of the fit, for finding good ones: of the head, and of
        each cosine alone.
    labeled : int
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    average_precision: dict[str, float]
    labeled: int

    def score(self, scores: PairScores) -> np.ndarray:
        """Return the probability that each pair is good, float64 (n,)."""
        values = (measures(scores, self.names) - self.mean) / self.scale
        logits = np.nan_to_num(values, nan=0.0) @ np.array(self.weights) + self.intercept
        result: np.ndarray = 1 / (1 + np.exp(-logits))
        return result

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write JSON."""
        write_json(path, {"format": FORMAT, **asdict(self)})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PairHead:
        """Read what `save` wrote."""
        stored: dict[str, Any] = read_json(path)
        if not isinstance(stored, dict) or stored.pop("format", None) != FORMAT:
            raise InputError(f"{path} is not a head for pairs of format {FORMAT}: learn it again.")
        for name in ("names", "mean", "scale", "weights"):
            stored[name] = tuple(stored[name])
        return cls(**stored)


def measures(scores: PairScores, names: Sequence[str] = FEATURES) -> np.ndarray:
    """Return measures of every pair, float64 (n, measures), NaN where not known."""
    width, height = scores.numbers("width"), scores.numbers("height")
    with np.errstate(divide="ignore", invalid="ignore"):
        known = {
            "side": np.log(np.fmin(width, height)),
            "aspect": np.abs(np.log(width / height)),
            **{
                name: np.log1p(scores.numbers(name))
                for name in ("caption_words", "caption_characters", "caption_repeats")
            },
            **{name: scores.numbers(name) for name in ("similarity", "contrast")},
            **{
                name: scores.table[name].is_valid().to_numpy().astype(np.float64)
                for name in ("caption_fault", "image_fault")
            },
        }
    stacked = np.stack([known[name] for name in names], axis=1)
    return np.where(np.isfinite(stacked), stacked, np.nan)


def combine_scores(
    scores: PairScores, pair_ids: Sequence[str], good: Sequence[bool], *, random_state: int = 0
) -> PairHead:
    """Learn one score from pairs that somebody judged.

    Parameters
    ----------
    scores : PairScores
    pair_ids : sequence of str, m long
        A few hundred are enough.
    good : sequence of bool, m long
    random_state : int
        Cuts the judged pairs into five parts, each judged by a head of the others.

    Raises
    ------
    InputError
        For pairs that are not there, and fewer than ten of either kind.
    """
    place = {name: row for row, name in enumerate(scores.table["pair_id"].to_pylist())}
    unknown = [name for name in pair_ids if name not in place]
    if unknown or len(pair_ids) != len(good):
        raise InputError(
            f"{len(unknown)} of {counted(len(pair_ids), 'judged pair')} are none of these, the "
            f"first is {unknown[0]!r}."
            if unknown
            else (
                f"There are {counted(len(pair_ids), 'pair id')}, but "
                f"{counted(len(good), 'judgment')}."
            )
        )
    truth = np.asarray(good, bool)
    if min(truth.sum(), (~truth).sum()) < FEWEST:
        raise InputError(
            f"Learning takes at least {FEWEST} good and {FEWEST} bad pairs; got {int(truth.sum())} "
            f"and {int((~truth).sum())}."
        )
    rows = np.array([place[name] for name in pair_ids])
    values = measures(scores)[rows]
    varied = np.isfinite(values).any(axis=0) & (np.nanstd(np.nan_to_num(values), axis=0) > 0)
    names = tuple(np.array(FEATURES)[varied].tolist())
    return _fitted(values[:, varied], truth, names, random_state)


def _fitted(
    values: np.ndarray, truth: np.ndarray, names: tuple[str, ...], random_state: int
) -> PairHead:
    from sklearn.metrics import average_precision_score
    from sklearn.model_selection import StratifiedKFold

    left_out = np.empty(len(truth))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=random_state)
    for fitted, judged in folds.split(values, truth):
        mean, scale, weights, intercept = _logistic(values[fitted], truth[fitted])
        standard = np.nan_to_num((values[judged] - mean) / scale)
        left_out[judged] = standard @ weights + intercept
    found = {"head": float(average_precision_score(truth, left_out))}
    for name in ("similarity", "contrast"):
        if name in names:
            alone = np.nan_to_num(values[:, names.index(name)], nan=-1.0)
            found[name] = float(average_precision_score(truth, alone))
    mean, scale, weights, intercept = _logistic(values, truth)
    return PairHead(
        names,
        tuple(mean.tolist()),
        tuple(scale.tolist()),
        tuple(weights.tolist()),
        intercept,
        found,
        len(truth),
    )


def _logistic(
    values: np.ndarray, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Fit on standardized measures; a missing one counts as the mean."""
    from sklearn.linear_model import LogisticRegression

    known = np.isfinite(values)
    counts = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0).sum(axis=0) / counts
    spread = np.sqrt(np.where(known, (values - mean) ** 2, 0).sum(axis=0) / counts)
    scale = np.where(spread > 0, spread, 1.0)
    standard = np.nan_to_num((values - mean) / scale)
    model = LogisticRegression(max_iter=1000).fit(standard, truth)
    return mean, scale, model.coef_[0], float(model.intercept_[0])
