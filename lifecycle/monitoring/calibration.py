"""Whether confidence means what it says: the calibration error without its bias, with an interval.

The usual error of binned calibration is above 0 even for a perfect model, since each bin's share of
right answers has chance in it. Its square is corrected bin by bin (Kumar, Liang and Ma, 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count
from thresher.core.randomness import RandomState, check_random_state
from thresher.core.signatures import checked

from .accuracy import _shares

FEWEST = 50


@dataclass(frozen=True)
class Calibration:
    """How far confidence is from the share of right answers.

    Attributes
    ----------
    error, low, high : float or None
        Root of the mean squared difference, without its bias, and the 95 % interval (bootstrap);
        None with too few labels.
    labels : int
    bins : list of (float, float, int)
        Mean confidence, share of right answers, labels.
    """

    error: float | None
    low: float | None
    high: float | None
    labels: int
    bins: list[tuple[float, float, int]]

    def __str__(self) -> str:
        if self.error is None or self.low is None or self.high is None:
            return f"too few labels ({self.labels}; {FEWEST} at least)"
        return (
            f"{100 * self.error:.1f} points (95 % interval {100 * self.low:.1f} to "
            f"{100 * self.high:.1f})"
        )


@checked
def calibration_error(
    confidence: ArrayLike,
    correct: ArrayLike,
    *,
    bins: int = 10,
    resamples: int = 500,
    random_state: RandomState = 0,
) -> Calibration:
    """Return how far confidence is from the share of right answers.

    Parameters
    ----------
    confidence : array, shape (n,)
        Of labeled rows, each in [0, 1].
    correct : array of bool, shape (n,)
    bins : int
        Of about equally many rows; fewer where a bin would have less than 10.
    resamples : int
        Of the bootstrap.
    random_state : int, numpy.random.Generator or None

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import calibration_error
    >>> rng = np.random.default_rng(0)
    >>> confidence = rng.uniform(0.5, 1, 2000)
    >>> good = calibration_error(confidence, rng.random(2000) < confidence)
    >>> bad = calibration_error(confidence, rng.random(2000) < confidence - 0.2)
    >>> good.low == 0, bad.low > 0.15
    (True, True)
    """
    check_count("bins", bins)
    check_count("resamples", resamples)
    given, right = _shares(confidence, "confidence"), _shares(correct, "correct")
    if len(given) != len(right):
        raise InputError(
            f"{counted(len(right), 'answer')} came with {counted(len(given), 'confidence')}."
        )
    if len(given) < FEWEST:
        return Calibration(None, None, None, len(given), [])
    order = np.argsort(given, kind="stable")
    parts = np.array_split(order, max(2, min(bins, len(given) // 10)))
    sides = [(given[part], right[part]) for part in parts]
    squared = _squared(sides)
    rng = check_random_state(random_state)
    drawn = np.array([_squared([_again(side, rng) for side in sides]) for _ in range(resamples)])
    # Redrawing adds the bias of one more draw; the pivot takes it off.
    low, high = 2 * squared - np.quantile(drawn, [0.975, 0.025]) + (drawn.mean() - squared)
    shown = [float(np.sqrt(max(0.0, each))) for each in (squared, low, high)]
    means = [(float(c.mean()), float(y.mean()), len(c)) for c, y in sides]
    return Calibration(shown[0], min(shown[:2]), max(shown[0], shown[2]), len(given), means)


def _again(
    side: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    rows = rng.integers(len(side[0]), size=len(side[0]))
    return side[0][rows], side[1][rows]


def _squared(sides: list[tuple[np.ndarray, np.ndarray]]) -> float:
    total = sum(len(c) for c, _ in sides)
    return sum(
        len(c) / total * float((y - c).mean() ** 2 - (y - c).var() / (len(c) - 1)) for c, y in sides
    )
