"""What is known about the share of wrong labels, with its interval."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NoiseRate:
    """Estimated share of labelled rows whose label is wrong, 0–1, and where it probably lies."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.1%} ({self.low:.1%} to {self.high:.1%})"
