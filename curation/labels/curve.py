"""How far stated log-odds of an error are to be trusted, and what follows for rate and flags.

The true log-odds are taken for ``α + β u`` with u the stated ones; of the two numbers it is known
that they are near 0 and 1, with a covariance: what they were on sets whose truth is known, or what
audited rows have left of it. Drawn many times they give the share of wrong labels, the precision of
flags, and the flags whose expected F1 is highest (Lipton, Elkan and Naryanaswamy, 2014), each with
what is not known about it. Where that leaves open whether any label is wrong, the probability that
none is weighs too. Costs O(n log n).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from thresher.core.ties import first_highest

from .noise import NoiseRate
from .odds import logit, sigmoid, tempered

DRAWS = 200
# Stated log-odds up to here are taken as they are.
PLAIN = 12.0
LEAST_SLOPE = 0.05
# Groups of rows of equal rank, of which the first stand alone.
SINGLE, GROUPS = 200, 400
# A share of wrong labels around this, or this part of the highest one, may as well be none.
FEWEST_WRONG, SMALL_PART = 0.005, 0.15
# Parts of it from which on the chance of none counts less, until not at all `FADES` later; the same
# of the lower end that is said, which is 0 before. A step at 1 instead makes flags hang on last
# digits: on 1,192 sets ranges held in 92.2 instead of 93.4 %, and of clean rows 3.6 instead of
# 3.2 % were flagged, at an F1 of .483 instead of .485.
LESS_FROM, SAID_FROM, FADES = 2 / 3, 1.0, 2 / 3
# A range of the share of wrong labels that is wider than this says nothing: no row is flagged.
WIDEST = 0.7
# A row that is less likely wrong than this is never flagged.
LEAST_LIKELY = 0.3
# What flags cost where nothing is wrong: so many times the share of the rows that they accuse, in
# units of F1 (`benchmarks/curation_labels_none_wrong.py` says what other costs do).
ACCUSED = 12.0
# The stated precision is given when it is known to so many points to either side (nine in ten).
PRECISION_KNOWN = 0.15
# What is known of α and β of evidence that was not measured: deviations of 1 and 0.3.
DOUBT = np.diag([1.0, 0.09])


# The same of scores whose order alone may be worth something, which an audit shows.
IGNORANCE = np.diag([400.0, 0.16])


@dataclass(frozen=True)
class Decision:
    """What follows from scores.

    Attributes
    ----------
    threshold : float
        Rows with a lower score are flagged.
    noise_rate : NoiseRate
    reaches_none : float
        1 where the range of the rate begins at 0, 0 where it begins well above, between else.
    none_wrong : float
        Probability that no label at all is wrong; 0 where the range does not reach 0.
    too_wide : bool
        Whether the share of wrong labels may be anything, so that no row is flagged.
    """

    threshold: float
    noise_rate: NoiseRate
    reaches_none: float = 1.0
    none_wrong: float = 0.0
    too_wide: bool = True


def decide(scores: np.ndarray, doubt: np.ndarray, *, none_wrong: float = 0.0) -> Decision:
    """Choose the threshold, and estimate the share of wrong labels.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        Probability that each label is right, where some are wrong.
    doubt : ndarray of float64, shape (2, 2)
        Covariance of α and β.
    none_wrong : float
        Probability that no label at all is wrong, by what else is known. It counts as far as the
        range of the share of wrong labels reaches 0.
    """
    if not len(scores):
        return Decision(0.0, NoiseRate(0.0, 0.0, 1.0))
    ordered = np.sort(scores)
    ends = _ends(len(ordered))
    chances = _chances(_group_means(ordered, ends), doubt)
    sizes = np.diff(ends, prepend=0)
    found = np.cumsum(chances * sizes, axis=1)
    variance = (chances * (1 - chances) * sizes).sum(axis=1)
    rate, low = _rate(found[:, -1], variance, len(ordered))
    reaches_none = 1 - _above(low, rate.high, LESS_FROM)
    none_wrong *= reaches_none
    rate = replace(rate, estimate=(1 - none_wrong) * rate.estimate)
    too_wide = rate.high - (1 - reaches_none) * low > WIDEST
    threshold = 0.0 if too_wide else _threshold(ordered, ends, found, none_wrong)
    return Decision(threshold, rate, reaches_none, none_wrong, too_wide)


def stated_precision(
    scores: np.ndarray, flagged: np.ndarray, doubt: np.ndarray | None, *, none_wrong: float = 0.0
) -> tuple[float | None, float]:
    """Return which share of the flags is right, None where it is not known, and at least which.

    At least: in 19 of 20 draws.
    """
    if doubt is None or not flagged.any():
        return None, 0.0
    ordered = np.sort(scores[flagged])
    ends = _ends(len(ordered))
    chances = _chances(_group_means(ordered, ends), doubt)
    sizes = np.diff(ends, prepend=0)
    right = (chances * sizes).sum(axis=1) / len(ordered)
    chance = np.sqrt((chances * (1 - chances) * sizes).sum(axis=1)) / len(ordered)
    by_chance = right + chance * np.random.default_rng(1).normal(size=DRAWS)
    # Where no label is wrong, no flag is right.
    inside = (np.array([0.05, 0.95]) - none_wrong) / max(1 - none_wrong, 1e-12)
    low, high = np.quantile(np.clip(by_chance, 0, 1), np.clip(inside, 0, 1)) * (inside > 0)
    known = high - low <= 2 * PRECISION_KNOWN
    return (float((1 - none_wrong) * right.mean()) if known else None), float(low)


def still_none_wrong(log_odds: np.ndarray, doubt: np.ndarray, none_wrong: float) -> float:
    """Return how likely it is that no label is wrong, after rows with these log-odds were right."""
    all_right = float(np.prod(1 - _chances(log_odds, doubt), axis=1).mean())
    return none_wrong / max(none_wrong + (1 - none_wrong) * all_right, 1e-300)


def seen_from(line: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return the covariance of α and β about a line, intercept and slope, that is then stated.

    The truth ``a + b t`` is ``α + β u`` of the stated ``u = a₀ + b₀ t``: β is ``b / b₀``, and α is
    ``a − a₀ β``.
    """
    turn = np.array([[1.0, -line[0] / line[1]], [0.0, 1 / line[1]]])
    return np.asarray(turn @ covariance @ turn.T)


def stated_log_odds(scores: np.ndarray) -> np.ndarray:
    """Return the log-odds of an error, tempered, of scores of any shape."""
    return tempered(-logit(scores), plain=PLAIN)


def _ends(n: int) -> np.ndarray:
    single = np.arange(1, min(n, SINGLE) + 1)
    groups = np.geomspace(min(n, SINGLE), n, GROUPS).round().astype(np.int64)
    return np.unique(np.concatenate([single, groups]))


def _group_means(ordered: np.ndarray, ends: np.ndarray) -> np.ndarray:
    sums = np.add.reduceat(stated_log_odds(ordered), np.append(0, ends[:-1]))
    return np.asarray(sums / np.diff(ends, prepend=0))


def _chances(log_odds: np.ndarray, doubt: np.ndarray) -> np.ndarray:
    """Return the probability of an error of each group under each draw, shape (DRAWS, groups)."""
    standard = np.random.default_rng(0).normal(size=(DRAWS, 2))
    intercept = np.sqrt(max(doubt[0, 0], 1e-12))
    shared = doubt[0, 1] / intercept
    own = np.sqrt(max(doubt[1, 1] - shared**2, 0.0))
    alpha = intercept * standard[:, :1]
    beta = np.maximum(1 + shared * standard[:, :1] + own * standard[:, 1:], LEAST_SLOPE)
    return sigmoid(alpha + beta * log_odds)


def _rate(found: np.ndarray, variance: np.ndarray, n: int) -> tuple[NoiseRate, float]:
    """Return the share of wrong labels, and the lower end of its range before it fades.

    The range holds what is not known and what is chance.
    """
    chance = np.random.default_rng(1).normal(size=len(found)) * np.sqrt(variance)
    low, high = np.quantile(np.clip((found + chance) / n, 0, 1), [0.025, 0.975]).tolist()
    rate = float(found.mean() / n)
    said = _above(low, high, SAID_FROM) * low
    return NoiseRate(rate, min(said, rate), max(high, rate)), low


def _above(low: float, high: float, start: float) -> float:
    """Return how far a range is above none: 0 up to `start` times what may as well be none."""
    part = low / max(FEWEST_WRONG, SMALL_PART * high)
    return float(np.clip((part - start) / FADES, 0, 1))


def _threshold(
    ordered: np.ndarray, ends: np.ndarray, found: np.ndarray, none_wrong: float
) -> float:
    """Return the score below which flags are worth most; 0 where no flag is worth more.

    They are worth their expected F1 where some labels are wrong, less what they cost where none is.
    """
    total = found[:, -1:]
    expected = (2 * found / (ends + total)).mean(axis=0)
    worth = (1 - none_wrong) * expected - none_wrong * ACCUSED * ends / len(ordered)
    best = int(first_highest(worth))
    # Without a flag F1 is one where, by chance, not one row is wrong.
    if worth[best] <= (1 - none_wrong) * float(np.exp(-total).mean()):
        return 0.0
    # The row at the cut is flagged too: scores are compared with <.
    last = float(np.nextafter(ordered[ends[best] - 1], 2))
    return min(last, 1 - LEAST_LIKELY)
