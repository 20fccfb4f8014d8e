"""How many labels a day an alarm needs, found by trying it on a reference.

Days are drawn from the reference, labels contradict the model from the first one on, and `Watch`'s
bets are made on them. Two kinds of falls are tried, since they need very different numbers: some
answers became wrong as a whole, or errors came anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.classes import class_texts
from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count, check_number
from thresher.core.randomness import RandomState, check_random_state
from thresher.core.signatures import checked

from .accuracy import _shares
from .days import OF_SUSPECTS, choose_suspected
from .error_limits import ErrorLimits
from .label_guard import LabelGuard, suspected
from .watch import LABELS_WEIGHT

_TRIED = (5, 7, 10, 14, 20, 28, 40, 57, 80, 113, 160, 226, 320)
_RUNS, _FOUND = 40, 0.9


@dataclass(frozen=True)
class LabelsNeeded:
    """Labels a day with which a fall is found in nine of ten cases; None where 320 are too few.

    Attributes
    ----------
    some_answers : int or None
        Where some answers became wrong as a whole.
    anywhere : int or None
        Where errors came anywhere.
    """

    some_answers: int | None
    anywhere: int | None

    def __str__(self) -> str:
        some, anywhere = (each or f"more than {_TRIED[-1]}" for each in astuple(self))
        return (
            f"{some} labels a day where some answers become wrong, {anywhere} where errors come "
            "anywhere"
        )


@checked
def labels_needed(
    confidence: ArrayLike,
    *,
    correct: ArrayLike,
    answers: Sequence[str],
    fall: float = 0.05,
    days: int = 7,
    alpha: float = 0.05,
    horizon: int = 365,
    random_state: RandomState = 0,
) -> LabelsNeeded:
    """Return the labels a day with which `Watch` finds a fall that no input shows.

    Three quarters of them are drawn at random, and a quarter is of the answers that are most
    suspected, as `thresher monitor --ask` chooses them.

    Parameters
    ----------
    confidence : array, shape (n,)
        Of a reference.
    correct : array of bool, shape (n,)
        Whether the model was right about its rows.
    answers : sequence of str, length n
        Of the model.
    fall : float
        Of the accuracy.
    days : int
        Within which it is to be found.
    alpha, horizon : float, int
        As in `Watch`.
    random_state : int, numpy.random.Generator or None

    Raises
    ------
    InputError
        When the accuracy is not larger than the fall, or arguments do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import labels_needed
    >>> rng = np.random.default_rng(0)
    >>> confidence = rng.uniform(0.7, 1, 500)
    >>> right = rng.random(500) < confidence
    >>> answers = rng.choice(list("abcdefgh"), 500)
    >>> found = labels_needed(confidence, correct=right, answers=answers, fall=0.3)
    >>> found.some_answers < 40, found.anywhere < 40
    (True, True)
    """
    trust, right = _shares(confidence, "confidence"), _shares(correct, "correct")
    names = class_texts(answers, name="answers").tolist()
    if any(isinstance(name, list) for name in names):
        raise InputError("`answers` must be one name for each row.")
    if not len(trust) == len(right) == len(names):
        raise InputError(
            f"{counted(len(trust), 'confidence')}, {counted(len(right), 'label')} and "
            f"{counted(len(names), 'answer was', 'answers were')} given; give one of each for a "
            "row."
        )
    check_number("fall", fall, low=0, high=1, low_open=True)
    if not len(right) or right.mean() <= fall:
        raise InputError(
            f"The accuracy is {right.mean() if len(right) else 0:.3g} and cannot fall by {fall:g}."
        )
    tried = _Tried(trust, right, names, horizon=horizon, least=1 / alpha / LABELS_WEIGHT)
    rng = check_random_state(random_state)
    check_count("days", days)
    ways = (tried.some_answers, tried.anywhere)
    return LabelsNeeded(*(tried.fewest(way, fall=fall, days=days, rng=rng) for way in ways))


class _Tried:
    """A reference on which falls are tried."""

    def __init__(
        self,
        confidence: np.ndarray,
        correct: np.ndarray,
        answers: list[str],
        *,
        horizon: int,
        least: float,
    ) -> None:
        self.confidence, self.wrong, self.answers = confidence, 1 - correct, np.array(answers)
        self.limits = ErrorLimits(confidence, correct, answers).of(confidence, answers)
        self.known, self.rows = sorted(set(answers)), [str(row) for row in range(len(answers))]
        self.horizon, self.least = horizon, least

    def some_answers(self, fall: float, rng: np.random.Generator) -> np.ndarray:
        """Return errors after some answers, in random order, became wrong."""
        wrong, left = self.wrong.copy(), fall * len(self.wrong)
        for name in rng.permutation(self.known):
            here = np.flatnonzero((self.answers == name) & (wrong == 0))
            turned = rng.permutation(here)[: round(left)]
            wrong[turned] = 1
            left -= len(turned)
        return wrong

    def anywhere(self, fall: float, rng: np.random.Generator) -> np.ndarray:
        """Return errors after rows drawn at random became wrong."""
        wrong = self.wrong.copy()
        right = rng.permutation(np.flatnonzero(wrong == 0))
        wrong[right[: round(fall * len(wrong))]] = 1
        return wrong

    def fewest(
        self,
        way: Callable[[float, np.random.Generator], np.ndarray],
        *,
        fall: float,
        days: int,
        rng: np.random.Generator,
    ) -> int | None:
        """Return the fewest labels a day, of those that are tried, that find enough falls."""
        for labels in _TRIED:
            missed = 0
            for _ in range(_RUNS):
                missed += not self._found(way(fall, rng), labels=labels, days=days, rng=rng)
                if missed > round((1 - _FOUND) * _RUNS):
                    break
            else:
                return labels
        return None

    def _found(
        self, wrong: np.ndarray, *, labels: int, days: int, rng: np.random.Generator
    ) -> bool:
        guard = LabelGuard(horizon=self.horizon)
        for _ in range(days):
            guard.begin()
            also = choose_suspected(
                self.rows,
                self.answers.tolist(),
                self.confidence.tolist(),
                n=labels // OF_SUSPECTS,
                asked=frozenset(),
                suspects=suspected(guard.suspicion(), known=self.known),
                random_state=int(rng.integers(2**31)),
            )
            drawn = rng.integers(len(wrong), size=labels - len(also))
            rows = np.concatenate([drawn, np.array(also, dtype=int)])
            guard.add(wrong[rows], self.limits[rows], self.answers[rows].tolist())
            if guard.evidence >= self.least:
                return True
        return False
