"""A guard on a bounded rate that must not rise above a limit, now or later.

An e-process (Ramdas, Grünwald, Vovk and Shafer, 2023): somebody bets that the rate is above the
limit and can only lose in expectation while it is not, so that the capital reaches 1/alpha in at
most a share alpha of all runs, however often one looks. A part of the capital is kept back for
every later start (the weighted e-detector of Shin, Ramdas and Rinaldo, 2024), so that a fault after
a month of good requests is found about as fast as one at the beginning. The state is one number for
each size of bet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count, check_number
from thresher.core.signatures import checked

from .sequence_state import check_alpha, field, finite_values

KIND = "guard"
_SIZES = 8
ALL_STARTS = 2.109743  # sum over n >= 2 of 1 / (n log(n)^2), rounded up


class Guard:
    """Tell when the mean of values in [0, 1] is above a limit.

    Parameters
    ----------
    limit : float
        Highest mean that is fine, inside (0, 1).
    alpha : float
        Share of runs in which it may ever tell though the mean never was above `limit`.
    every : int
        A change may begin at every so-many-th value; fewer beginnings are found sooner each.

    Examples
    --------
    >>> from lifecycle import Guard
    >>> guard = Guard(limit=0.05, alpha=0.01)
    >>> guard.add([0] * 1000)
    >>> guard.tripped_at is None
    True
    >>> guard.add([0, 1] * 50)
    >>> guard.tripped_at
    1020
    """

    @checked
    def __init__(self, *, limit: float, alpha: float = 0.01, every: int = 1) -> None:
        check_number("limit", limit, low=0, high=1, low_open=True)
        if limit >= 1:
            raise InputError("`limit` must lie below 1: no mean of values in [0, 1] is above 1.")
        self.limit, self.alpha = float(limit), check_alpha(alpha)
        self.every = check_count("every", every)
        # Bets for alternatives from barely above the limit to always 1, on a logarithmic grid.
        beyond = limit + (1 - limit) * np.geomspace(0.02, 0.9, _SIZES)
        # Each is the share of the capital that a value of 0 loses.
        self._bets = (beyond - limit) / (1 - limit)
        self.n = 0
        self.tripped_at: int | None = None
        self._capital = np.zeros(_SIZES)
        self._kept = 1.0

    def add(self, values: ArrayLike, *, limits: ArrayLike | None = None) -> None:
        """Add values.

        Parameters
        ----------
        values : array, shape (n,)
            Each in [0, 1].
        limits : array, shape (n,), optional
            Highest mean that is fine for each value, inside (0, 1), known before the value; by
            default `limit` for all.
        """
        given = finite_values(values, low=0, high=1)
        fine = np.full(len(given), self.limit)
        if limits is not None:
            fine = finite_values(limits, low=1e-9, high=1, what="limits")
        if len(fine) != len(given):
            raise InputError(
                f"{counted(len(given), 'value has', 'values have')} "
                f"{counted(len(fine), 'limit')}; give one for each."
            )
        for value, limit in zip(given.tolist(), fine.tolist(), strict=True):
            if self.n % self.every == 0:
                start = self.n // self.every + 2
                later = 1 / (ALL_STARTS * start * math.log(start) ** 2)
                self._kept -= later
                self._capital += later / _SIZES
            self.n += 1
            self._capital *= 1 + self._bets * (value - limit) / limit
            self._capital = np.minimum(self._capital, 1e280)
            if self.tripped_at is None and self.evidence >= 1 / self.alpha:
                self.tripped_at = self.n

    @property
    def evidence(self) -> float:
        """The capital; at least 1/alpha tells that the mean is or was above the limit."""
        return float(self._capital.sum()) + max(self._kept, 0.0)

    def to_json(self) -> dict[str, Any]:
        """Return the state; numbers keep all their bits in JSON."""
        options = {"limit": self.limit, "alpha": self.alpha, "every": self.every}
        state = {"n": self.n, "tripped_at": self.tripped_at, "kept": self._kept}
        return {"kind": KIND, **options, **state, "capital": self._capital.tolist()}

    @classmethod
    def from_json(cls, state: Mapping[str, Any], *, where: str = "The state") -> Self:
        """Go on from a state.

        Raises
        ------
        InputError
            When it lacks a field or holds another kind of value; `where` names it.
        """
        made = cls(
            limit=field(state, "limit", float, where=where),
            alpha=field(state, "alpha", float, where=where),
            every=field(state, "every", int, where=where),
        )
        made.n = check_count("n", field(state, "n", int, where=where), low=0)
        made._kept = field(state, "kept", float, where=where)
        capital = field(state, "capital", list, where=where)
        made._capital = finite_values(capital, low=0, high=1e281, what=f"capital of {where}")
        if len(made._capital) != _SIZES:
            raise InputError(f"{where}: 'capital' must hold {_SIZES} numbers.")
        if state.get("tripped_at") is not None:
            made.tripped_at = field(state, "tripped_at", int, where=where)
        return made
