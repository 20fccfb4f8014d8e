"""What is known about the share of wrong labels, with its interval."""

from __future__ import annotations

from dataclasses import dataclass

from thresher.core.counted import percent

# A range that is wider than this is given alone.
WIDE = 0.2


@dataclass(frozen=True)
class NoiseRate:
    """Estimated share of labeled rows whose label is wrong, 0–1, and where it probably lies."""

    estimate: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether the range is narrow enough for an estimate to mean something."""
        return self.high - self.low <= WIDE

    def with_other(self, rate: float | None) -> NoiseRate:
        """Widen the range so that it holds another estimate, where there is one."""
        if rate is None:
            return self
        return NoiseRate(self.estimate, min(self.low, rate), max(self.high, rate))

    def __str__(self) -> str:
        if not self.known:
            return f"not known, between {percent(self.low)} and {percent(self.high)}"
        return (
            f"{percent(self.estimate, digits=1)} ({percent(self.low, digits=1)} to "
            f"{percent(self.high, digits=1)})"
        )
