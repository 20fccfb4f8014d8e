"""A guard on labels: that a model errs more often than allowed, anywhere or in some answers.

Two bettors share the capital. One bets that a share of all rows became wrong, whatever the answer.
The other bets that a few answers became wrong as a whole: each answer has a small chance of it at
first, which its labels raise or lower (Bayes), and with it the bet on its next label. The chances
also say where to look next: a few labels more of a suspected answer tell more than rows drawn
at random.

Both begin anew every day, all beginnings side by side (an e-detector: Shin, Ramdas and
Rinaldo, 2024, a mixture of Shiryaev–Roberts procedures). Each beginning has the same small capital,
so that after a year of days all of them together are worth 1 on average while nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count

from ..comparing.sequence_state import field, finite_values

_SHARES = np.array([0.05, 0.15, 0.4])  # of all rows that became wrong, for the first bettor
_CHANGED = 0.05  # chance that an answer became wrong, at first
_WRONG = 0.9  # of its rows, if it did
_DAYS = 28  # after which the second bettor gives a beginning up
_MOST, _MOST_ODDS = 1e280, 1e30


class LabelGuard:
    """Bet that labels contradict a model more often than they may.

    Parameters
    ----------
    horizon : int
        Days in which all beginnings together have a capital of 1.
    """

    def __init__(self, *, horizon: int) -> None:
        self.horizon = check_count("horizon", horizon)
        self.days = self.n = 0
        self._anywhere = np.zeros(len(_SHARES))
        self._answers = np.zeros(_DAYS)  # the second bettor's capital, by day of its beginning
        self._odds: dict[str, np.ndarray] = {}  # that an answer became wrong, by day

    def begin(self) -> None:
        """Begin a day."""
        at = self.days % _DAYS
        self._anywhere += 1 / len(_SHARES)
        self._answers[at] = 1.0
        for odds in self._odds.values():
            odds[at] = 1.0
        self.days += 1

    def add(self, wrong: np.ndarray, limits: np.ndarray, answers: Sequence[str]) -> None:
        """Take labels.

        Parameters
        ----------
        wrong : array, shape (n,)
            1 where the label contradicts the model, else 0.
        limits : array, shape (n,)
            Chance of it that is allowed, inside (0, 1).
        answers : sequence of str, length n
        """
        if len(wrong) and not self.days:
            self.begin()
        rows = zip(wrong.tolist(), limits.tolist(), answers, strict=True)
        for error, limit, answer in rows:
            self.n += 1
            surplus = (error - limit) / limit
            self._anywhere = np.minimum(self._anywhere * (1 + _SHARES * surplus), _MOST)
            if (odds := self._odds.get(str(answer))) is None:
                odds = self._odds[str(answer)] = np.ones(_DAYS)
            before = 1 - _CHANGED + _CHANGED * odds
            odds *= 1 + _WRONG * surplus
            np.minimum(odds, _MOST_ODDS, out=odds)
            self._answers *= (1 - _CHANGED + _CHANGED * odds) / before
            np.minimum(self._answers, _MOST, out=self._answers)

    @property
    def evidence(self) -> float:
        """The capital of both; on average at most 1 within `horizon` days without a fault."""
        both = float(self._anywhere.sum()) + float(self._answers.sum())
        return both / 2 / self.horizon

    def suspicion(self) -> dict[str, float]:
        """Return the chance that an answer became wrong, of all that have a label."""
        total = self._answers.sum()
        if not total > 0 or not self._odds:
            return {}
        raised = _CHANGED * np.stack(list(self._odds.values()))
        chances = raised / (1 - _CHANGED + raised) @ (self._answers / total)
        return dict(zip(self._odds, chances.tolist(), strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return the state; numbers keep all their bits in JSON."""
        return {
            "horizon": self.horizon,
            "days": self.days,
            "n": self.n,
            "anywhere": self._anywhere.tolist(),
            "answers": self._answers.tolist(),
            "odds": {name: odds.tolist() for name, odds in self._odds.items()},
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any], *, where: str) -> Self:
        """Go on from a state; nonsense is an `InputError` that names `where`."""
        made = cls(horizon=field(state, "horizon", int, where=where))
        made.days = check_count("days", field(state, "days", int, where=where), low=0)
        made.n = check_count("n", field(state, "n", int, where=where), low=0)

        def numbers(of: Mapping[str, Any], name: str, length: int) -> np.ndarray:
            listed = field(of, name, list, where=where)
            found = finite_values(listed, low=0, high=1e281, what=f"{name} of {where}")
            if len(found) != length:
                raise InputError(f"{where}: {name!r} must hold {counted(length, 'number')}.")
            return found

        made._anywhere = numbers(state, "anywhere", len(_SHARES))
        made._answers = numbers(state, "answers", _DAYS)
        odds = field(state, "odds", dict, where=where)
        made._odds = {name: numbers(odds, name, _DAYS) for name in odds}
        return made


def suspected(chances: Mapping[str, float], *, known: Sequence[str]) -> list[str]:
    """Return all answers, the most suspected first; one without a label is as likely as at first.

    Parameters
    ----------
    chances : mapping of str to float
        Of `LabelGuard.suspicion`.
    known : sequence of str
        Answers of the model.
    """
    every = dict.fromkeys([*chances, *known])
    return sorted(every, key=lambda name: (-chances.get(name, _CHANGED), name))
