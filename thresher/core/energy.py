"""Energy that this machine has used, where it has counters that may be read.

Processors of Intel and AMD count joules of the whole package (RAPL, "Running Average Power Limit";
Linux shows them below ``/sys/class/powercap``, often to root alone), GPUs of NVIDIA since Volta
those of the board (NVML). Both include whatever else ran meanwhile.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COUNTERS = Path("/sys/class/powercap")
NOT_MEASURABLE = "not measurable here: no readable energy counter (RAPL)"
_MICRO, _MILLI = 1e-6, 1e-3


def read_counters(device: str = "cpu", *, counters: Path = COUNTERS) -> dict[str, float]:
    """Return joules since some moment in the past, by counter; none where none can be read.

    With ``device="cuda"`` the current GPU counts too; without its counter there is no answer, since
    that of the processor alone would mislead.
    """
    found = _processor(counters)
    if device != "cuda" or not found:
        return found
    board = _gpu()
    return {} if board is None else found | {"gpu": board}


def joules_between(before: Mapping[str, float], after: Mapping[str, float]) -> float | None:
    """Return the joules used between two readings, or None without counters.

    A counter that has wrapped around meanwhile makes the sum unknown.
    """
    if not before or before.keys() != after.keys():
        return None
    used = [after[name] - start for name, start in before.items()]
    return sum(used) if min(used) >= 0 else None


def _processor(counters: Path) -> dict[str, float]:
    found = {}
    for path in sorted(counters.glob("intel-rapl:[0-9]/energy_uj")):
        try:
            found[path.parent.name] = int(path.read_text()) * _MICRO
        except (OSError, ValueError):
            return {}
    return found


def _gpu() -> float | None:
    try:
        library: Any = importlib.import_module("pynvml")
        library.nvmlInit()
        import torch

        handle = library.nvmlDeviceGetHandleByIndex(torch.cuda.current_device())
        return float(library.nvmlDeviceGetTotalEnergyConsumption(handle)) * _MILLI
    except Exception:  # NVML raises classes of its own, and there are machines without it
        return None
