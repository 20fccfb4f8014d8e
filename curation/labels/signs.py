"""What evidence shows of its own worth, and what that meant on sets whose truth is known.

Signs are read from probabilities and labels: how many predictions disagree with their label, how
many of the most confident ones do, and how many the noise model takes for wrong. Where noise does
not shun easy rows the second is the rate itself; where evidence is weak all three rise without any
noise. How the log-odds of the noise model relate to the truth, a line with an intercept and a
slope, was fitted to each of 396 sets with known truth, and those lines to the signs, together with
how far off they are (an empirical Bayes estimate; `benchmarks/curation_labels_curve.py`).

Weak evidence takes hard rows for wrong ones, so that there may be no wrong label at all. How likely
that is was fitted to further signs of 1,192 sets, a third as many clean as noisy ones by weight:
how many rows look as bad as if their label had been drawn at random, and how far apart the noise
model holds the typical row and the worst ones (`benchmarks/curation_labels_none_wrong.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.ties import highest_first

from .odds import logit, sigmoid
from .posterior import FIT_CELLS, LEAST

# The most confident share of the rows, at least so many.
CONFIDENT_SHARE, FEWEST_CONFIDENT = 0.1, 50
# Random labels of all rows, so many times; rows are compared with the worst two fifths of them.
PLANTED_TIMES, PLANTED_PART = 3, 0.4
# Which log-odds of the noise model stand for typical rows and for the worst ones.
TYPICAL, WORST = 0.5, 0.99
# Larger sets show as much as sets of so many rows and classes do; larger ones were not looked at.
MOST_ROWS, MOST_CLASSES = 10_000, 77
LEAST_SLOPE = 0.1
# Where the confident rows disagree as often as all do, noise is sure; the further apart the two are
# in log-odds, the more of the disagreement may be hard rows. The variance rises by this power.
PER_GAP, AVERAGE_GAP, LARGEST_GAP = 0.4, 2.0, 4.0
# Sets of another source are further off than those that the lines were fitted to: with this factor
# more than nine in ten ranges hold the truth on 1,192 others (with 1.7, 89 %).
OTHER_SOURCES = 2.0
# Log-odds of the noise model up to here count as they are.
PLAIN = 4.0
# No set shows more surely than this that nothing is wrong.
MOST_SURE = 0.95
# Weights of `as_numbers` for the log-odds that any label is wrong.
SOME_WRONG = (-1.202, 0.659, -0.889, 0.814, -0.27, 0.116, -0.023, 0.007, 0.37, 0.474, 0.198)


@dataclass(frozen=True)
class Signs:
    """What evidence shows of its own worth.

    Attributes
    ----------
    disagreement : float
        Share of the rows whose most probable class is not the label.
    confident_disagreement : float
        The same among the most confident tenth of the rows.
    as_bad : float
        How many rows look as bad as the worst two fifths of random labels, as a share of what they
        would be if all labels were random.
    rows, classes : int
    """

    disagreement: float
    confident_disagreement: float
    as_bad: float
    rows: int
    classes: int

    @property
    def accuracy(self) -> float:
        """On which share of the rightly labeled rows the evidence is thought to be right."""
        return min(1.0, (1 - self.disagreement) / (1 - self.confident_disagreement))


@dataclass(frozen=True)
class Experience:
    """Lines on sets of known truth, given log-odds of 1, the confident rows, the model, all rows.

    Attributes
    ----------
    intercept : tuple of 4 float
        Weights of one and of the log-odds of the three signs.
    slope : tuple of 2 float
        Weights of one and of the log-odds of the disagreement.
    spread : tuple of 3 float
        Variance of the intercept, covariance, variance of the slope, at an average gap.
    """

    intercept: tuple[float, float, float, float]
    slope: tuple[float, float]
    spread: tuple[float, float, float]


MODELS = Experience((0.45, 0.08, 1.25, -1.36), (0.629, -0.055), (0.94, 0.076, 0.033))
PROBES = Experience((-0.82, 1.03, -0.32, -0.79), (0.565, -0.142), (1.32, 0.045, 0.027))


def read_signs(probs: np.ndarray, labels: np.ndarray) -> Signs:
    """Read the signs of probabilities, shape (n, K), and labels, int codes, shape (n,)."""
    n, num_classes = probs.shape
    wrong = probs.argmax(axis=1) != labels
    number = max(int(CONFIDENT_SHARE * n), min(FEWEST_CONFIDENT, n))
    confident = highest_first(probs.max(axis=1), n=number)
    stride = max(1, probs.size // FIT_CELLS)
    as_bad = _as_bad(probs[::stride], labels[::stride])
    return Signs(_share(wrong), _share(wrong[confident]), as_bad, n, num_classes)


def _as_bad(probs: np.ndarray, labels: np.ndarray) -> float:
    """Return how many rows look as bad as random labels, over how many of these do, above 0."""
    n, num_classes = probs.shape
    rng = np.random.default_rng(0)
    logs = np.log(probs + LEAST, dtype=np.float64)
    planted = [
        _badness(logs, (labels + rng.integers(1, num_classes, n)) % num_classes)
        for _ in range(PLANTED_TIMES)
    ]
    limit = np.quantile(planted, 1 - PLANTED_PART)
    found = float((_badness(logs, labels) >= limit).mean())
    return float((found + 0.5 / n) / (PLANTED_PART + 0.5 / n))


def _badness(logs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return by how much the best other class is likelier than the label, in logs, shape (n,)."""
    rows = np.arange(len(labels))
    others = logs.copy()
    others[rows, labels] = -np.inf
    return np.asarray(others.max(axis=1) - logs[rows, labels])


def _share(wrong: np.ndarray) -> float:
    """Return the share of true entries, off 0 and 1 by half a row."""
    return float((wrong.sum() + 0.5) / (len(wrong) + 1))


def as_numbers(signs: Signs, log_odds: np.ndarray, *, made_for_task: bool) -> np.ndarray:
    """Return one and ten signs as numbers for a regression; `log_odds` are the noise model's."""
    disagreement = logit(np.array([signs.confident_disagreement, signs.disagreement]))
    typical, worst = np.quantile(log_odds, [TYPICAL, WORST])
    as_bad = np.log(signs.as_bad)
    size = np.log([min(signs.rows, MOST_ROWS), min(signs.classes, MOST_CLASSES)])
    together = (typical * worst, as_bad * disagreement[0])
    return np.array([1.0, *disagreement, as_bad, typical, worst, *together, *size, made_for_task])


def chance_of_none(signs: Signs, log_odds: np.ndarray, *, made_for_task: bool) -> float:
    """Return how likely it is that no label at all is wrong."""
    numbers = as_numbers(signs, log_odds, made_for_task=made_for_task)
    return min(MOST_SURE, float(sigmoid(-numbers @ np.array(SOME_WRONG))))


def expected_line(
    signs: Signs, rate: float, *, made_for_task: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return intercept and slope to expect where some labels are wrong, (2,), and covariance."""
    known = MODELS if made_for_task else PROBES
    odds = logit(np.array([signs.confident_disagreement, max(rate, 1e-4), signs.disagreement]))
    intercept = known.intercept[0] + float(odds @ known.intercept[1:])
    slope = max(known.slope[0] + known.slope[1] * float(odds[2]), LEAST_SLOPE)
    gap = min(max(float(odds[2] - odds[0]), 0.0), LARGEST_GAP) - AVERAGE_GAP
    a, ab, b = known.spread
    spread = OTHER_SOURCES * np.exp(PER_GAP * gap) * np.array([[a, ab], [ab, b]])
    return np.array([intercept, slope]), spread
