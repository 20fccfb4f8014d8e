"""Energy, where the processor's own counter (RAPL) can be read."""

from __future__ import annotations

from pathlib import Path

from thresher.core.energy import COUNTERS, NOT_MEASURABLE, joules_between, read_counters

from .latency import Call

__all__ = ["NOT_MEASURABLE", "joules_per_call"]


def joules_per_call(call: Call, *, calls: int, counters: Path = COUNTERS) -> float | None:
    """Return the energy of the whole processor package per call, in joules, or None.

    It includes whatever else the processor did meanwhile.
    """
    before = read_counters(counters=counters)
    if not before:
        return None
    for _ in range(calls):
        call()
    used = joules_between(before, read_counters(counters=counters))
    return None if used is None else used / calls
