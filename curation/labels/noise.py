"""What is known about the share of wrong labels, with its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class NoiseRate:
    """Estimated share of labelled rows whose label is wrong, 0–1, and where it probably lies."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.1%} ({self.low:.1%} to {self.high:.1%})"


def wilson_interval(successes: float, trials: float, *, z: float = 1.96) -> tuple[float, float]:
    """Return the Wilson interval of a share (Wilson 1927); (0, 1) without trials."""
    if trials <= 0:
        return 0.0, 1.0
    share, spread = successes / trials, z * z / trials
    center = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * np.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    return max(0.0, float(center - half)), min(1.0, float(center + half))
