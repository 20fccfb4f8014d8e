"""Energy, where the processor's own counter (RAPL) can be read."""

from __future__ import annotations

from pathlib import Path

from .latency import Call

COUNTERS = Path("/sys/class/powercap")
NOT_MEASURABLE = "not measurable here: no readable energy counter (RAPL)"


def joules_per_call(call: Call, *, calls: int, counters: Path = COUNTERS) -> float | None:
    """Return the energy of the whole processor package per call, in joules, or None.

    It includes whatever else the processor did meanwhile.
    """
    before = _read(counters)
    if not before:
        return None
    for _ in range(calls):
        call()
    after = _read(counters)
    # A counter that has wrapped around meanwhile is left out.
    used = [after[path] - start for path, start in before.items() if after[path] >= start]
    return sum(used) / 1e6 / calls if used else None


def _read(counters: Path) -> dict[Path, int]:
    found = {}
    for path in sorted(counters.glob("intel-rapl:[0-9]/energy_uj")):
        try:
            found[path] = int(path.read_text())
        except OSError:
            return {}
    return found
