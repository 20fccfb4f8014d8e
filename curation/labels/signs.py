"""What evidence shows of its own worth, and what that meant on sets whose truth is known.

Three signs are read from probabilities and labels: how many predictions disagree with their label,
how many of the most confident ones do, and how many the noise model takes for wrong. Where noise
does not shun easy rows the second is the rate itself; where evidence is weak all three rise without
any noise. How the log-odds of the noise model relate to the truth, a line with an intercept and a
slope, was fitted to each of 396 sets with known truth, and those lines to the signs, together with
how far off they are (an empirical Bayes estimate; `benchmarks/curation_labels_curve.py`).

A fourth sign tells noise from hard rows where evidence is weak. Each row is given another class at
random: what share of the rows would have to be wrong in this way for as many to look as bad as do?
Right rows only add to it, so that it is an upper bound (Blanchard, Lee and Scott, 2010), and a low
one says that there is little of such noise: labels disagree with classes that are alike, as those
of hard rows do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.ties import highest_first

from .odds import logit
from .posterior import FIT_CELLS, LEAST

# The most confident share of the rows, at least so many.
CONFIDENT_SHARE, FEWEST_CONFIDENT = 0.1, 50


@dataclass(frozen=True)
class Signs:
    """What evidence shows of its own worth.

    Attributes
    ----------
    disagreement : float
        Share of the rows whose most probable class is not the label.
    confident_disagreement : float
        The same among the most confident tenth of the rows.
    far_off : float
        At most this share of the labels is any other class at random.
    """

    disagreement: float
    confident_disagreement: float
    far_off: float

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
    fair_accuracy : float
        Evidence with less of it calls hard rows wrong.
    """

    intercept: tuple[float, float, float, float]
    slope: tuple[float, float]
    spread: tuple[float, float, float]
    fair_accuracy: float


# At which parts of the planted errors, least bad first, the ratio is taken.
PLANTED_PARTS = np.linspace(0.05, 0.9, 40)
# So many labels that are any class at random are noise, and no hard rows.
FAR_OFF = 0.05

MODELS = Experience((0.45, 0.08, 1.25, -1.36), (0.629, -0.055), (0.94, 0.076, 0.033), 0.8)
PROBES = Experience((-0.82, 1.03, -0.32, -0.79), (0.565, -0.142), (1.32, 0.045, 0.027), 0.75)
LEAST_SLOPE = 0.1
# Where the confident rows disagree as often as all do, noise is sure; the further apart the two are
# in log-odds, the more of the disagreement may be hard rows. The variance rises by this power.
PER_GAP, AVERAGE_GAP, LARGEST_GAP = 0.4, 2.0, 4.0
# Sets of another source are further off than those that the lines were fitted to: with this factor
# nine in ten ranges hold the truth when all sets of a source are left out.
OTHER_SOURCES = 1.7
# Log-odds of the noise model up to here count as they are.
PLAIN = 4.0


def read_signs(probs: np.ndarray, labels: np.ndarray) -> Signs:
    """Read the signs of probabilities, shape (n, K), and labels, int codes, shape (n,)."""
    wrong = probs.argmax(axis=1) != labels
    number = max(int(CONFIDENT_SHARE * len(labels)), min(FEWEST_CONFIDENT, len(labels)))
    confident = highest_first(probs.max(axis=1), n=number)
    stride = max(1, probs.size // FIT_CELLS)
    far_off = _far_off(probs[::stride], labels[::stride])
    return Signs(_share(wrong), _share(wrong[confident]), far_off)


def _far_off(probs: np.ndarray, labels: np.ndarray) -> float:
    """Return the least ratio of rows to planted errors that look as bad, over how bad that is."""
    n, num_classes = probs.shape
    others = np.random.default_rng(0).integers(1, num_classes, n)
    logs = np.log(probs + LEAST, dtype=np.float64)
    given = np.sort(_badness(logs, labels))
    planted = np.sort(_badness(logs, (labels + others) % num_classes))
    at = planted[np.unique((PLANTED_PARTS * n).astype(np.int64))]
    as_bad, planted_as_bad = (1 - np.searchsorted(some, at) / n for some in (given, planted))
    return float((as_bad / planted_as_bad).min())


def _badness(logs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return by how much the best other class is likelier than the label, in logs, shape (n,)."""
    rows = np.arange(len(labels))
    others = logs.copy()
    others[rows, labels] = -np.inf
    return np.asarray(others.max(axis=1) - logs[rows, labels])


def _share(wrong: np.ndarray) -> float:
    """Return the share of true entries, off 0 and 1 by half a row."""
    return float((wrong.sum() + 0.5) / (len(wrong) + 1))


def calls_hard_rows_wrong(signs: Signs, *, made_for_task: bool) -> bool:
    """Tell whether evidence is so weak that what looks wrong may as well be hard."""
    known = MODELS if made_for_task else PROBES
    return signs.accuracy <= known.fair_accuracy and signs.far_off <= FAR_OFF


def expected_line(
    signs: Signs, rate: float, *, made_for_task: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return intercept and slope, shape (2,), that the signs let expect, and their covariance."""
    known = MODELS if made_for_task else PROBES
    odds = logit(np.array([signs.confident_disagreement, max(rate, 1e-4), signs.disagreement]))
    intercept = known.intercept[0] + float(odds @ known.intercept[1:])
    slope = max(known.slope[0] + known.slope[1] * float(odds[2]), LEAST_SLOPE)
    gap = min(max(float(odds[2] - odds[0]), 0.0), LARGEST_GAP) - AVERAGE_GAP
    a, ab, b = known.spread
    spread = OTHER_SOURCES * np.exp(PER_GAP * gap) * np.array([[a, ab], [ab, b]])
    return np.array([intercept, slope]), spread
