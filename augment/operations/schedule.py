"""Schedules: the strength of a policy as a function of the epoch alone, so bits stay keyed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from thresher.core.errors import InputError
from thresher.core.signatures import check_fields

from ..randomness.keyed import check_index
from .operation import Setting


@dataclass(frozen=True)
class Schedule:
    """Strength that goes in a straight line from `start` to `end` over `epochs`, then stays.

    Strength multiplies every magnitude: 0 is no change, 1 the policy as written. Operations
    without a magnitude (flips, invert, …) are not affected.

    Examples
    --------
    >>> from augment import Schedule, policies
    >>> policy = policies.trivial_augment().with_schedule(Schedule(0.1, 1.0, epochs=10))
    >>> [round(policy.schedule.strength(epoch), 2) for epoch in (0, 9)]
    [0.1, 1.0]
    """

    start: float = 1.0
    end: float = 1.0
    epochs: int = 1

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("start", "end"):
            value = Setting(0.0, high=1).check(name, getattr(self, name))
            object.__setattr__(self, name, value)
        object.__setattr__(self, "epochs", check_index("epochs", self.epochs))
        if self.epochs < 1:
            raise InputError("`epochs` must be at least 1, got 0.")

    def strength(self, epoch: int) -> float:
        """Return the strength in [0, 1] in epoch 0, 1, …; `end` is reached in epoch epochs − 1."""
        if self.epochs == 1:
            return float(self.end)
        share = min(1.0, epoch / (self.epochs - 1))
        return float(self.start + (self.end - self.start) * share)

    def to_dict(self) -> dict[str, Any]:
        """Return the schedule as JSON-like values."""
        return {"start": self.start, "end": self.end, "epochs": self.epochs}


CONSTANT = Schedule()


def linear(start: float, end: float, *, epochs: int) -> Schedule:
    """Return a schedule from `start` to `end` over `epochs`."""
    return Schedule(start, end, epochs)
