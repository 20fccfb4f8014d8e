"""How often a model is right now, from a few labels and the confidence of all rows.

Labels of rows drawn at random give an unbiased share. The model's confidence is known for all rows,
and where it goes along with being right it takes away a part of the chance of the draw (a control
variate; prediction-powered inference, Angelopoulos et al., 2023). Where it does not, nothing is
taken away and the interval is that of the labels alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.interval import wilson_interval
from thresher.core.missing import read_numbers
from thresher.core.signatures import checked

FEWEST = 10
HINT = (
    "Without labels: right only while nothing has changed; where inputs change it is off by "
    "points, and it cannot see that labels changed their meaning."
)


@dataclass(frozen=True)
class AccuracyEstimate:
    """How often a model is right.

    Attributes
    ----------
    value, low, high : float or None
        With the 95 % interval; None where there are too few labels to say.
    labels, rows : int
    worth : float
        Labels that would give as narrow an interval without confidence.
    hint : float or None
        Mean confidence, which is no estimate; `HINT` says what it is.
    """

    value: float | None
    low: float | None
    high: float | None
    labels: int
    rows: int
    worth: float
    hint: float | None

    def __str__(self) -> str:
        if self.value is None or self.low is None or self.high is None:
            return f"too few labels ({self.labels}; {FEWEST} at least)"
        return (
            f"{100 * self.value:.1f} % (95 % interval {100 * self.low:.1f} to "
            f"{100 * self.high:.1f}) from {counted(self.labels, 'label')}"
        )


@checked
def estimate_accuracy(
    confidence: ArrayLike, *, labeled_confidence: ArrayLike, correct: ArrayLike
) -> AccuracyEstimate:
    """Estimate the accuracy on rows of which a few, drawn at random, have labels.

    Parameters
    ----------
    confidence : array, shape (n,)
        Of all rows, each in [0, 1].
    labeled_confidence : array, shape (m,)
        Of the labeled rows.
    correct : array of bool, shape (m,)
        Whether the model was right about them.

    Raises
    ------
    InputError
        For values outside [0, 1], NaN among them.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import estimate_accuracy
    >>> confidence = np.linspace(0.5, 1, 1000)
    >>> labeled = confidence[::20]
    >>> found = estimate_accuracy(
    ...     confidence, labeled_confidence=labeled, correct=labeled > 0.6
    ... )
    >>> found.labels, found.low < found.value < found.high, found.worth > 50
    (50, True, True)
    """
    rows = _shares(confidence, "confidence")
    given = _shares(labeled_confidence, "labeled_confidence")
    right = _shares(correct, "correct")
    if len(given) != len(right):
        raise InputError(
            f"{counted(len(right), 'label')} came with "
            f"{counted(len(given), 'confidence')}; give one each."
        )
    hint = float(rows.mean()) if len(rows) else None
    labels = len(right)
    if labels < FEWEST:
        return AccuracyEstimate(None, None, None, labels, len(rows), float(labels), hint)
    value, kept = float(right.mean()), 1.0
    variance = float(given.var())
    if len(rows) > labels and variance > 1e-12 and right.var() > 0:
        slope = float(((given - given.mean()) * (right - value)).mean()) / variance
        explained = min(1.0, slope**2 * variance / float(right.var()))
        # What is left of the variance; one more parameter is fitted, and all rows are a sample too.
        kept = (1 - explained) * (labels - 1) / (labels - 2) + explained * labels / len(rows)
        if kept < 1:
            value += slope * (float(rows.mean()) - float(given.mean()))
        kept = min(1.0, kept)
    value = min(1.0, max(0.0, value))
    worth = labels / max(kept, 1e-3)
    low, high = wilson_interval(value * worth, worth)
    return AccuracyEstimate(value, low, high, labels, len(rows), worth, hint)


def _shares(values: ArrayLike, name: str) -> np.ndarray:
    array = read_numbers(name, values).ravel()
    wrong = ~((array >= 0) & (array <= 1))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"`{name}` must lie in [0, 1]; row {at} has {array[at]!r}. "
            f"{int(wrong.sum())} of {counted(len(array), 'row is', 'rows are')} so; a model that "
            "answers NaN has failed on these rows: count them as errors."
        )
    return array
