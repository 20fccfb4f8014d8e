"""The asymptotic confidence sequence of a mean (Waudby-Smith, Arbour, Sinha and others, 2024).

Its interval may be looked at after every value: in at most a share `alpha` of all runs is the mean
ever outside. It needs a finite variance, no bounds, and holds in the limit of many values: before
`at_least` there is no interval. The width is that of Robbins' normal mixture, narrowest at
`best_at` values. One value costs about 0.1 µs in a long array.

While all values are the same their variance says nothing. Other ones then have at most the share
q = 1 - (alpha / 2)^(1 / n): a larger share stays unseen in n values with a chance of at most
alpha / 2, and so at all n at once, since the first n with a q below it decides. The mean lies
within q times the way to `low` and to `high`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.errors import InputError, check_count
from thresher.core.signatures import checked

from .sequence_state import Bounds, check_alpha, field, finite_values, running

KIND = "asymptotic"


class AsymptoticSequence:
    """Confidence sequence of the mean of any values with finite variance.

    Parameters
    ----------
    alpha : float
        Share of runs in which the mean may ever lie outside.
    best_at : int
        Number of values at which the interval is narrowest, compared with other choices.
    at_least : int
        Values before the first interval; until then it is infinite.
    low, high : float
        Between which values lie, if that is known; without, values that are all the same have no
        interval.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import AsymptoticSequence
    >>> sequence = AsymptoticSequence(alpha=0.05)
    >>> bounds = sequence.add(np.tile([0.0, 1.0], 500))
    >>> [round(limit, 3) for limit in sequence.interval]
    [0.452, 0.548]
    """

    @checked
    def __init__(
        self,
        *,
        alpha: float = 0.05,
        best_at: int = 500,
        at_least: int = 100,
        low: float = -np.inf,
        high: float = np.inf,
    ) -> None:
        self.alpha = check_alpha(alpha)
        self.best_at = check_count("best_at", best_at)
        self.at_least = check_count("at_least", at_least, low=2)
        if not low < high:
            raise InputError(f"`low` must lie below `high`, got {low:g} and {high:g}.")
        self.low, self.high = float(low), float(high)
        self.n = 0
        self._first = self._sum = self._squares = 0.0
        self._precision = mixture_precision(self.best_at, self.alpha)

    def add(self, values: ArrayLike) -> Bounds:
        """Add values, shape (n,); return estimate and limits after each."""
        given = finite_values(values, low=self.low, high=self.high)
        if not len(given):
            return Bounds(given, given, given)
        if self.n == 0:
            self._first = float(given[0])  # sums of differences lose no digits to a far mean
        shifted = given - self._first
        count = self.n + np.arange(1.0, len(given) + 1)
        sums, squares = running(self._sum, shifted), running(self._squares, shifted * shifted)
        self.n += len(given)
        self._sum, self._squares = float(sums[-1]), float(squares[-1])
        return self._bounds(count, sums, squares)

    def _bounds(self, count: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> Bounds:
        mean = sums / count
        spread = np.maximum(squares - count * mean**2, 0) / np.maximum(count - 1, 1)
        radius = np.sqrt(spread) * mixture_boundary(count, self.alpha, self._precision) / count
        radius = np.where(count < self.at_least, np.inf, radius)
        mean = mean + self._first
        same = (spread == 0) & (count >= self.at_least)
        unseen = 1 - (self.alpha / 2) ** (1 / count)
        below = np.where(same, unseen * (self._first - self.low), radius)
        above = np.where(same, unseen * (self.high - self._first), radius)
        return Bounds(mean, mean - below, mean + above)

    @property
    def now(self) -> tuple[float, float, float]:
        """Estimate and limits now; NaN and infinite without values."""
        if not self.n:
            return np.nan, -np.inf, np.inf
        one = self._bounds(*map(np.atleast_1d, (float(self.n), self._sum, self._squares)))
        return float(one.estimate[0]), float(one.lower[0]), float(one.upper[0])

    @property
    def interval(self) -> tuple[float, float]:
        """The limits now."""
        return self.now[1:]

    def to_json(self) -> dict[str, Any]:
        """Return the state; numbers keep all their bits in JSON."""
        options = {"alpha": self.alpha, "best_at": self.best_at, "at_least": self.at_least}
        # JSON has no infinity: a limit that is not known is left out.
        limits = {"low": self.low, "high": self.high}
        options |= {name: limit for name, limit in limits.items() if np.isfinite(limit)}
        sums = {"first": self._first, "sum": self._sum, "squares": self._squares}
        return {"kind": KIND, **options, "n": self.n, **sums}

    @classmethod
    def from_json(cls, state: Mapping[str, Any], *, where: str = "The state") -> Self:
        """Go on from a state.

        Raises
        ------
        InputError
            When it lacks a field or holds another kind of value; `where` names it.
        """
        made = cls(
            alpha=field(state, "alpha", float, where=where),
            best_at=field(state, "best_at", int, where=where),
            at_least=field(state, "at_least", int, where=where),
            low=field(state, "low", float, where=where) if "low" in state else -np.inf,
            high=field(state, "high", float, where=where) if "high" in state else np.inf,
        )
        made.n = check_count("n", field(state, "n", int, where=where), low=0)
        made._first = field(state, "first", float, where=where)
        made._sum = field(state, "sum", float, where=where)
        made._squares = field(state, "squares", float, where=where)
        return made


def mixture_boundary(variance: np.ndarray, alpha: float, precision: float) -> np.ndarray:
    """Return Robbins' boundary of a sum whose variance has grown to `variance`, two-sided."""
    wide = variance + precision
    shown: np.ndarray = np.sqrt(wide * np.log(wide / (precision * alpha**2)))
    return shown


def mixture_precision(best_at: float, alpha: float) -> float:
    """Return the precision at which the boundary is lowest at `best_at` (Howard et al., 2021)."""
    from scipy.special import lambertw

    return float(best_at / (-lambertw(-(alpha**2) / np.e, -1).real - 1))
