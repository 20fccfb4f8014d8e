"""When to train again: not at a first bad day, not twice for the same fall, not beyond a budget.

A trigger only says so. It never trains, and what is trained then must still prove itself in shadow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count, check_number
from thresher.core.signatures import check_fields, checked

from ..comparing.sequence_state import field
from ..monitoring.accuracy import AccuracyEstimate

YEAR = 365.0


@dataclass(frozen=True, kw_only=True)
class TriggerRules:
    """When to train again.

    Attributes
    ----------
    floor : float
        A day is low when the whole interval of its accuracy lies below.
    confirm, of : int
        Days that must be low, of how many.
    recovery : float
        The trigger is armed again once the estimate lies this much above the floor.
    cooldown_days : float
        Days after a retraining in which there is no other.
    budget : int
        Retrainings in 365 days.

    Examples
    --------
    >>> from lifecycle import TriggerRules
    >>> TriggerRules(floor=0.8).of
    3
    """

    floor: float
    confirm: int = 2
    of: int = 3
    recovery: float = 0.01
    cooldown_days: float = 14.0
    budget: int = 6

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "floor", float(check_number("floor", self.floor, low=0, high=1)))
        check_count("of", self.of)
        check_count("confirm", self.confirm, high=self.of)
        check_number("recovery", self.recovery, low=0, high=1)
        check_number("cooldown_days", self.cooldown_days, low=0, high=1e6)
        check_count("budget", self.budget, low=0)


@dataclass(frozen=True)
class Look:
    """What a trigger said on a day.

    Attributes
    ----------
    day : float
        Days since 1970.
    fires : bool
    reason : str
    """

    day: float
    fires: bool
    reason: str


class Trigger:
    """Say when to train again.

    Parameters
    ----------
    rules : TriggerRules

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import Trigger, TriggerRules, estimate_accuracy
    >>> low = estimate_accuracy(
    ...     np.full(1000, 0.9), labeled_confidence=np.full(100, 0.9), correct=np.arange(100) < 60
    ... )
    >>> trigger = Trigger(TriggerRules(floor=0.8))
    >>> [trigger.look(day, low).fires for day in range(4)]
    [False, True, False, False]
    """

    @checked
    def __init__(self, rules: TriggerRules) -> None:
        self.rules = rules
        self.armed = True
        self._lows: deque[bool] = deque(maxlen=rules.of)
        self._fired: list[float] = []
        self.last = float("-inf")

    @checked
    def look(self, day: float, accuracy: AccuracyEstimate) -> Look:
        """Take the estimate of a day.

        Parameters
        ----------
        day : float
            Days since 1970; each look is later than the one before.
        accuracy : AccuracyEstimate

        Raises
        ------
        InputError
            When time went back.
        """
        if not day > self.last:
            raise InputError(
                f"A look at day {day:g} came after one at day {self.last:g}. Set the clock right; "
                "looks must go forward."
            )
        self.last = day
        rules = self.rules
        if accuracy.value is None or accuracy.high is None:
            return Look(day, False, f"No estimate: {accuracy}.")
        if not self.armed and accuracy.value >= rules.floor + rules.recovery:
            self.armed = True
            self._lows.clear()
        self._lows.append(accuracy.high < rules.floor)
        said = f"Accuracy {accuracy}, floor {100 * rules.floor:.1f} %"
        if not self._lows[-1]:
            return Look(day, False, f"{said}: not proved lower.")
        why_not = self._why_not(day)
        if why_not:
            return Look(day, False, f"{said}: lower, but {why_not}.")
        self.armed = False
        self._fired.append(day)
        self._lows.clear()
        return Look(day, True, f"{said}: lower on {rules.confirm} of {counted(rules.of, 'day')}.")

    def _why_not(self, day: float) -> str:
        rules, low = self.rules, sum(self._lows)
        if not self.armed:
            return "there was no recovery since the last retraining"
        if low < rules.confirm:
            return f"only on {low} of {counted(rules.confirm, 'day')}"
        if self._fired and day - self._fired[-1] < rules.cooldown_days:
            return f"the last retraining was {day - self._fired[-1]:g} days ago"
        if sum(day - fired < YEAR for fired in self._fired) >= rules.budget:
            return f"the budget of {rules.budget} retrainings a year is spent"
        return ""

    def to_json(self) -> dict[str, Any]:
        """Return rules and state."""
        last = self.last if self._fired or self.last > float("-inf") else None
        state = {"armed": self.armed, "lows": list(self._lows), "fired": self._fired, "last": last}
        return {"rules": asdict(self.rules), **state}

    @classmethod
    def from_json(cls, state: Mapping[str, Any], *, where: str = "The state") -> Self:
        """Go on from a state.

        Raises
        ------
        InputError
            When it lacks a field or holds nonsense; `where` names it.
        """
        rules = field(state, "rules", dict, where=where)
        try:
            made = cls(TriggerRules(**rules))
        except TypeError as error:
            raise InputError(f"{where}: its rules make no sense ({error}).") from error
        made.armed = field(state, "armed", bool, where=where)
        lows = field(state, "lows", list, where=where)
        fired = field(state, "fired", list, where=where)
        if not all(isinstance(each, bool) for each in lows):
            raise InputError(f"{where}: 'lows' must hold true and false, got {lows!r:.60}.")
        made._lows.extend(lows)
        made._fired = [float(check_number("fired", each, low=-1e9, high=1e9)) for each in fired]
        if state.get("last") is not None:
            made.last = field(state, "last", float, where=where)
        return made


@checked
def dry_run(rules: TriggerRules, days: Iterable[tuple[float, AccuracyEstimate]]) -> list[Look]:
    """Return what a trigger would have said on past days.

    Parameters
    ----------
    rules : TriggerRules
    days : iterable of (float, AccuracyEstimate)
        Days since 1970, rising, with the estimate that was known then.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import TriggerRules, dry_run, estimate_accuracy
    >>> trust = np.full(1000, 0.9)
    >>> days = [
    ...     (day, estimate_accuracy(
    ...         trust, labeled_confidence=trust[:100], correct=np.arange(100) < right
    ...     ))
    ...     for day, right in enumerate([90, 60, 60, 60, 90, 90])
    ... ]
    >>> [look.day for look in dry_run(TriggerRules(floor=0.8), days) if look.fires]
    [2]
    """
    trigger, looks = Trigger(rules), []
    for entry in days:
        if not isinstance(entry, (tuple, list)) or len(entry) != 2:
            raise InputError(f"`days` must be pairs of a day and an estimate, got {entry!r:.80}.")
        looks.append(trigger.look(*entry))
    return looks
