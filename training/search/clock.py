"""The time a search may take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

_FOR_FILES = 0.25


@dataclass(eq=False)
class Clock:
    """Counts from the beginning of the call.

    Attributes
    ----------
    budget_s : float or None
        A quarter of it is kept for pruning, quantizing and measuring.
    """

    budget_s: float | None
    began: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began

    @property
    def is_up(self) -> bool:
        """Whether nothing more shall begin."""
        return self.budget_s is not None and self.spent >= self.budget_s

    def scale(self, planned_s: float) -> float:
        """Return what share of the planned training time there is; at most 1."""
        if self.budget_s is None or planned_s <= 0:
            return 1.0
        left = (1 - _FOR_FILES) * self.budget_s - self.spent
        return min(1.0, max(0.0, left) / planned_s)
