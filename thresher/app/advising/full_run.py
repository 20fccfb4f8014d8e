"""What a full run will cost, before it starts, and how many rows may be probed for a part of it.

The figures are CPU-seconds of whole runs with their defaults on one thread of a quiet server CPU.
Another machine, or one whose memory is busy with other work, takes longer for the same: a few steps
of an optimizer on two million numbers, which is what most runs spend their time with, tell by how
much.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .sample import FEWEST, MOST

if TYPE_CHECKING:
    from .start import Start


@dataclass(frozen=True)
class Usual:
    """CPU-seconds of a run: for itself, and for each row (of images: for each pixel of it)."""

    fixed: float
    each: float
    most: float
    # Of the probes: for themselves, and for each row looked at.
    probe_fixed: float
    probe_each: float


USUAL = {
    "text": Usual(15.0, 0.0075, 600.0, 0.1, 0.0012),
    "features": Usual(10.5, 0.0006, 300.0, 0.2, 0.0008),
    "image": Usual(20.0, 1e-4, 1200.0, 1.0, 0.003),
    # Images that a run starts from shipped weights with, of any number of pixels.
    "shipped": Usual(60.0, 0.08, 1200.0, 1.0, 0.005),
}


# CPU-milliseconds of `_step` on the machine of these figures, and steps that are timed elsewhere.
STEP_MS, STEPS, NUMBERS = 1.75, 5, 2_000_000


# Of a trial of what to start from, where pixels are better.
TRIAL_S = 20.0


def run_cpu_seconds(modality: str, *, rows: int, pixels: int = 1) -> float:
    """Return about what a run will cost on the usual machine."""
    usual = USUAL[modality]
    return min(usual.most, usual.fixed + usual.each * rows * pixels)


def with_start(pixels: float, start: Start, *, rows: int) -> float:
    """Return about what a run costs that may start from shipped weights.

    Parameters
    ----------
    pixels : float
        CPU-seconds of the run that learns from pixels.
    start : Start
    rows : int
        Labeled training rows.
    """
    shipped = run_cpu_seconds("shipped", rows=rows)
    if start.shipped:
        return shipped if start.alone else shipped + pixels
    return pixels + TRIAL_S


def measure_slowness() -> float:
    """Return how many times longer this machine takes at present, by its CPU time; at least 0.5."""
    weights = np.ones(NUMBERS, dtype=np.float32)
    moments, times = np.ones_like(weights), []
    for _ in range(STEPS):
        start = time.thread_time()
        _step(weights, moments)
        times.append(1e3 * (time.thread_time() - start))
    return max(0.5, float(np.median(times)) / STEP_MS)


def _step(weights: np.ndarray, moments: np.ndarray) -> None:
    moments *= 0.9
    moments += 0.1
    weights -= 1e-3 * moments


def probed_rows(modality: str, *, seconds: float) -> int:
    """Return how many rows the probes can look at in so many CPU-seconds of the usual machine."""
    usual = USUAL[modality]
    return int(min(MOST, max(2 * FEWEST, (seconds - usual.probe_fixed) / usual.probe_each)))


@dataclass
class Purse:
    """CPU-seconds that the advice may take, and what its stages took of them.

    What is allowed and planned is counted in seconds of the usual machine, so that it is the same
    in every call; this machine takes `slowness` times as long.
    """

    allowed: float
    slowness: float = 1.0
    spent: float = 0.0

    @property
    def seconds(self) -> float:
        """What is allowed, on this machine."""
        return self.slowness * self.allowed

    def pay(self, done: Any) -> None:
        """Count what a stage took."""
        self.spent += done.cost.cpu_s

    def allows(self, planned: float) -> bool:
        """Tell whether a probe of this cost still fits."""
        return self.spent + self.slowness * planned <= self.seconds

    def refusal(self, planned: float) -> str:
        """Say why a probe was not made."""
        return (
            f"its probe takes about {self.slowness * planned:.1f} CPU-seconds; {self.spent:.1f} of "
            f"{self.seconds:.1f} are spent (--share allows more)"
        )
