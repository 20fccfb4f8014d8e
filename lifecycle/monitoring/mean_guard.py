"""A guard on a mean of windows, for numbers that hardly spread.

As `LabelGuard` it begins anew with every window, but with the e-value of a normal variable, in
units of the spread that earlier windows had: a window of many rows has a mean that is nearly fixed,
which a bet that allows for any value in [0, 1] cannot use. So it holds where windows are many rows,
and is no better than that assumption; the benchmark counts its false alarms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from thresher.core.errors import check_count, check_number

from ..comparing.sequence_state import field, finite_values

_BETS = np.array([0.5, 1.0, 2.0, 3.0])
_BEFORE = 5  # windows whose spread is measured before the first bet


class MeanGuard:
    """Tell when the mean of windows is above a limit.

    Parameters
    ----------
    limit : float
        Highest mean that is fine.
    horizon : int
        Windows in which all beginnings together have a capital of 1.
    """

    def __init__(self, *, limit: float, horizon: int) -> None:
        self.limit = float(check_number("limit", limit, low=0, high=1))
        self.horizon = check_count("horizon", horizon)
        self.n = 0
        self._sum = self._squares = 0.0
        self._capital = np.zeros(len(_BETS))

    def add(self, value: float, *, spread: float) -> None:
        """Take the mean of a window, and the least spread that chance alone gives it."""
        if self.n >= _BEFORE:
            before = self._squares / self.n - (self._sum / self.n) ** 2
            unit = max(spread, math.sqrt(max(0.0, before) * self.n / (self.n - 1)))
            surplus = min(6.0, (value - self.limit) / unit)
            won = np.exp(_BETS * surplus - _BETS**2 / 2)
            self._capital = np.minimum((self._capital + 1 / len(_BETS)) * won, 1e280)
        self.n += 1
        self._sum += value
        self._squares += value * value

    @property
    def evidence(self) -> float:
        """The capital; on average at most 1 within `horizon` windows without a fault."""
        return float(self._capital.sum()) / self.horizon

    def to_json(self) -> dict[str, Any]:
        """Return the state."""
        sums = {"n": self.n, "sum": self._sum, "squares": self._squares}
        options = {"limit": self.limit, "horizon": self.horizon}
        return {**options, **sums, "capital": self._capital.tolist()}

    @classmethod
    def from_json(cls, state: Mapping[str, Any], *, where: str) -> Self:
        """Go on from a state; nonsense is an `InputError` that names `where`."""
        made = cls(
            limit=field(state, "limit", float, where=where),
            horizon=field(state, "horizon", int, where=where),
        )
        made.n = check_count("n", field(state, "n", int, where=where), low=0)
        made._sum = field(state, "sum", float, where=where)
        made._squares = field(state, "squares", float, where=where)
        capital = field(state, "capital", list, where=where)
        made._capital = finite_values(capital, low=0, high=1e281, what=f"capital of {where}")
        check_count(f"capital of {where}", len(made._capital), low=len(_BETS), high=len(_BETS))
        return made
