"""The betting confidence sequence of a bounded mean (Waudby-Smith and Ramdas, 2024, Theorem 3).

For every candidate of the mean, on a grid, somebody bets against it in both directions with half of
the capital each; a candidate at which the capital has ever reached 1/alpha is out. It holds for any
number of values, of any distribution within the bounds, as long as the mean stays the same. The
limits are rounded outward to the grid. A value costs about 2 µs for each 100 candidates that are
still in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.errors import InputError, check_count, check_number
from thresher.core.signatures import checked

from .sequence_state import Bounds, check_alpha, field, finite_values, running

KIND = "betting"
_MOST = 0.5  # of the capital that a bet may lose
_CELLS = 500_000  # candidates × values that are computed at once


class BettingSequence:
    """Confidence sequence of the mean of bounded values, right for any number of them.

    Parameters
    ----------
    low, high : float
        Bounds of the values.
    alpha : float
        Share of runs in which the mean may ever lie outside.
    grid : int
        Candidates of the mean, evenly spaced.

    Examples
    --------
    >>> from lifecycle import BettingSequence
    >>> errors = BettingSequence(alpha=0.05)
    >>> bounds = errors.add([0] * 98 + [1] * 2)
    >>> low, high = errors.interval
    >>> low < 0.02 < high < 0.15
    True
    """

    @checked
    def __init__(
        self, *, low: float = 0.0, high: float = 1.0, alpha: float = 0.05, grid: int = 1001
    ) -> None:
        self.low = check_number("low", float(low), low=-1e300, high=1e300)
        self.high = check_number("high", float(high), low=-1e300, high=1e300)
        if not low < high:
            raise InputError(f"`low` must lie below `high`, got {low:g} and {high:g}.")
        self.alpha = check_alpha(alpha)
        self.grid = check_count("grid", grid, low=11, high=1_000_001)
        self._means = np.linspace(0, 1, self.grid)
        with np.errstate(divide="ignore"):
            self._most_up, self._most_down = _MOST / self._means, _MOST / (1 - self._means)
        self.n = 0
        self._sum = self._deviation = 0.0
        self._in = (0, self.grid - 1)
        self._up = np.zeros(self.grid)
        self._down = np.zeros(self.grid)

    def add(self, values: ArrayLike) -> Bounds:
        """Add values, shape (n,); return estimate and limits after each."""
        given = finite_values(values, low=self.low, high=self.high)
        if not len(given):
            return Bounds(given, given, given)
        scaled = (given - self.low) / (self.high - self.low)
        count, bets, sums = self._bets(scaled)
        lower, upper = np.empty(len(scaled)), np.empty(len(scaled))
        start = 0
        while start < len(scaled):
            first, last = self._in
            end = start + max(1, _CELLS // (last - first + 1))
            lower[start:end], upper[start:end] = self._play(scaled[start:end], bets[start:end])
            start = end
        self.n += len(scaled)
        width = self.high - self.low
        parts = (self.low + width * part for part in (sums / count, lower, upper))
        return Bounds(*parts)

    def _bets(self, scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return counts, bets known before each value, and running sums."""
        count = self.n + np.arange(1.0, len(scaled) + 1)
        sums = running(self._sum, scaled)
        means = (0.5 + sums) / (count + 1)
        deviations = running(self._deviation, (scaled - means) ** 2)
        before = (0.25 + np.concatenate(([self._deviation], deviations[:-1]))) / count
        self._sum, self._deviation = float(sums[-1]), float(deviations[-1])
        bets = np.sqrt(2 * np.log(2 / self.alpha) / (before * count * np.log1p(count)))
        return count, bets, sums

    def _play(self, scaled: np.ndarray, bets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Let candidates that are in win or lose; return the limits after each value."""
        first, last = self._in
        now = slice(first, last + 1)
        gap = scaled[:, None] - self._means[None, now]
        up = np.log1p(np.minimum(bets[:, None], self._most_up[now]) * gap)
        down = np.log1p(-np.minimum(bets[:, None], self._most_down[now]) * gap)
        up = np.cumsum(np.vstack((self._up[None, now], up)), axis=0)[1:]
        down = np.cumsum(np.vstack((self._down[None, now], down)), axis=0)[1:]
        self._up[now], self._down[now] = up[-1], down[-1]
        capital = np.log(0.5) + np.maximum(up, down)
        inside = capital < -np.log(self.alpha)
        some, lowest = inside.any(axis=1), capital.argmin(axis=1)
        # Without a candidate inside, the mean lies beside the one that lost the most.
        low = first + np.where(some, inside.argmax(axis=1), lowest) - 1
        high = last + 1 - np.where(some, inside[:, ::-1].argmax(axis=1), last - first - lowest)
        low = np.maximum.accumulate(np.maximum(low, first))
        high = np.minimum.accumulate(np.minimum(high, last))
        self._in = int(low[-1]), max(int(low[-1]), int(high[-1]))
        return self._means[low], self._means[high]

    @property
    def estimate(self) -> float:
        """The mean; NaN without values."""
        return self.low + (self.high - self.low) * self._sum / self.n if self.n else np.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The limits now."""
        low, high = (self.low + (self.high - self.low) * self._means[at] for at in self._in)
        return float(low), float(high)

    @property
    def now(self) -> tuple[float, float, float]:
        """Estimate and limits now."""
        return (self.estimate, *self.interval)

    def to_json(self) -> dict[str, Any]:
        """Return the state; numbers keep all their bits in JSON."""
        first, last = self._in
        inside = slice(first, last + 1)
        options = {"low": self.low, "high": self.high, "alpha": self.alpha, "grid": self.grid}
        sums = {"n": self.n, "sum": self._sum, "deviation": self._deviation, "first": first}
        capital = {"up": self._up[inside].tolist(), "down": self._down[inside].tolist()}
        return {"kind": KIND, **options, **sums, **capital}

    @classmethod
    def from_json(cls, state: Mapping[str, Any], *, where: str = "The state") -> Self:
        """Go on from a state.

        Raises
        ------
        InputError
            When it lacks a field or holds another kind of value; `where` names it.
        """
        made = cls(
            low=field(state, "low", float, where=where),
            high=field(state, "high", float, where=where),
            alpha=field(state, "alpha", float, where=where),
            grid=field(state, "grid", int, where=where),
        )
        made.n = check_count("n", field(state, "n", int, where=where), low=0)
        made._sum = field(state, "sum", float, where=where)
        made._deviation = field(state, "deviation", float, where=where)
        up = finite_values(field(state, "up", list, where=where), what=f"up of {where}")
        down = finite_values(field(state, "down", list, where=where), what=f"down of {where}")
        first = field(state, "first", int, where=where)
        if len(up) != len(down) or not len(up) or not 0 <= first <= made.grid - len(up):
            raise InputError(f"{where}: 'up', 'down', 'first' and 'grid' do not fit together.")
        made._in = first, first + len(up) - 1
        made._up[first : first + len(up)] = up
        made._down[first : first + len(up)] = down
        return made
