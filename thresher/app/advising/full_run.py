"""What a full run will cost, before it starts, and how many rows may be probed for a part of it.

The figures are CPU-seconds of whole runs with their defaults on one thread of a server CPU; they
are an order of magnitude for other machines, and the ledger of the run says what it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .sample import FEWEST, MOST


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
    "text": Usual(10.0, 0.008, 600.0, 0.6, 0.0025),
    "features": Usual(9.0, 0.0012, 300.0, 0.25, 0.0006),
    "image": Usual(20.0, 1e-4, 1200.0, 2.0, 0.006),
}


def run_cpu_seconds(modality: str, *, rows: int, pixels: int = 1) -> float:
    """Return about what a run will cost."""
    usual = USUAL[modality]
    return min(usual.most, usual.fixed + usual.each * rows * pixels)


def probed_rows(modality: str, *, seconds: float) -> int:
    """Return how many rows the probes can look at in so many CPU-seconds."""
    usual = USUAL[modality]
    return int(min(MOST, max(2 * FEWEST, (seconds - usual.probe_fixed) / usual.probe_each)))


@dataclass
class Purse:
    """CPU-seconds that the advice may take, and what its stages took of them."""

    seconds: float
    spent: float = 0.0

    def pay(self, done: Any) -> None:
        """Count what a stage took."""
        self.spent += done.cost.cpu_s

    def allows(self, planned: float) -> bool:
        """Tell whether a probe of this cost still fits."""
        return self.spent + planned <= self.seconds

    def refusal(self, planned: float) -> str:
        """Say why a probe was not made."""
        return (
            f"its probe takes about {planned:.1f} CPU-seconds; {self.spent:.1f} of "
            f"{self.seconds:.1f} are spent (--share allows more)"
        )
