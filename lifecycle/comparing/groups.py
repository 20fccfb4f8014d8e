"""Two groups of users, each with its own model: the difference of any outcome (A/B test).

Each user is treated with a known chance p. The value (y - m) (t / p - (1 - t) / (1 - p)), with the
mean m of the outcomes before, has the difference between both groups as its mean (Horvitz and
Thompson, 1952), so that a confidence sequence of these values is one of the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.errors import InputError, check_number
from thresher.core.signatures import checked

from .asymptotic import AsymptoticSequence
from .betting import BettingSequence
from .journal import Journaled
from .sequence_state import Bounds, field, finite_values, running


class ABTest(Journaled):
    """Compare an outcome of two groups, looking as often as one likes.

    Parameters
    ----------
    share : float
        Chance that a user is treated, inside (0, 1).
    alpha : float
        Share of runs in which the limits are ever wrong.
    bounds : sequence of float, optional
        Lowest and highest outcome. With them the limits hold for any number of users; without, for
        many.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import ABTest
    >>> rng = np.random.default_rng(0)
    >>> treated = rng.random(4000) < 0.5
    >>> clicks = rng.random(4000) < np.where(treated, 0.4, 0.2)
    >>> test = ABTest()
    >>> bounds = test.add(clicks, treated=treated)
    >>> low, high = test.interval
    >>> 0 < low < 0.2 < high
    True
    """

    @checked
    def __init__(
        self, *, share: float = 0.5, alpha: float = 0.05, bounds: Sequence[float] | None = None
    ) -> None:
        self.share = float(check_number("share", share, low=0, high=1, low_open=True))
        if share >= 1:
            raise InputError("`share` must lie below 1, or nobody is left to compare with.")
        self.bounds: list[float] | None = None
        if bounds is not None:
            self.bounds = finite_values(bounds, what="bounds").tolist()
        if self.bounds is not None and (len(self.bounds) != 2 or self.bounds[0] >= self.bounds[1]):
            raise InputError(f"`bounds` must be lowest and highest, like [0, 1]; got {bounds}.")
        self._sequence: AsymptoticSequence | BettingSequence
        if self.bounds is None:
            self._sequence = AsymptoticSequence(alpha=alpha)
        else:
            reach = (self.bounds[1] - self.bounds[0]) / min(self.share, 1 - self.share)
            self._sequence = BettingSequence(low=-reach, high=reach, alpha=alpha, grid=20_001)
        self._sum, self._count = 0.0, 0
        self._last = Bounds(*(np.zeros(0),) * 3)

    def add(self, outcomes: ArrayLike, *, treated: ArrayLike) -> Bounds:
        """Add users, in the order in which they came.

        Parameters
        ----------
        outcomes : array, shape (n,)
        treated : array of bool, shape (n,)

        Returns
        -------
        Bounds
            Of the difference, treated less untreated, after each user.
        """
        low, high = self.bounds or (-np.inf, np.inf)
        values = finite_values(outcomes, low=low, high=high, what="outcomes")
        groups = finite_values(treated, low=0, high=1, what="treated")
        if len(values) != len(groups) or not np.isin(groups, (0, 1)).all():
            raise InputError(
                f"`treated` must say True or False for each of the {len(values)} outcomes."
            )
        self._record({"outcomes": values.tolist(), "treated": groups.tolist()})
        return self._last

    def _apply(self, line: Mapping[str, Any]) -> None:
        values, treated = np.asarray(line["outcomes"]), np.asarray(line["treated"])
        if not len(values):
            self._last = self._sequence.add(values)
            return
        sums = running(self._sum, values)
        before = np.concatenate(([self._sum], sums[:-1]))
        seen = self._count + np.arange(len(values))
        center = np.where(seen > 0, before / np.maximum(seen, 1), np.mean(self.bounds or [0.0]))
        self._sum, self._count = float(sums[-1]), self._count + len(values)
        weight = treated / self.share - (1 - treated) / (1 - self.share)
        self._last = self._sequence.add((values - center) * weight)

    @property
    def interval(self) -> tuple[float, float]:
        """The limits of the difference now."""
        return self._sequence.interval

    @property
    def estimate(self) -> float:
        """The difference, treated less untreated; NaN without users."""
        return self._sequence.now[0]

    def options(self) -> dict[str, Any]:
        """Return what it was made with."""
        return {"share": self.share, "alpha": self._sequence.alpha, "bounds": self.bounds}

    def to_json(self) -> dict[str, Any]:
        """Return options and state."""
        state = {"sum": self._sum, "count": self._count, "numbers": self._sequence.to_json()}
        return {"options": self.options(), **state}

    def _restore(self, state: Mapping[str, Any], where: str) -> None:
        self._sum = field(state, "sum", float, where=where)
        self._count = field(state, "count", int, where=where)
        numbers = field(state, "numbers", dict, where=where)
        self._sequence = type(self._sequence).from_json(numbers, where=where)
