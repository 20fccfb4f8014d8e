"""Settings that were chosen automatically, each with its reason, and the choice of a device."""

from __future__ import annotations

import os
from dataclasses import dataclass

from .errors import InputError, check_choice

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Choice:
    """A value that was chosen, and why in one short sentence."""

    value: str
    reason: str

    def __str__(self) -> str:
        return f"{self.value} ({self.reason})"


def choose_device(device: str = "auto") -> Choice:
    """Choose where arrays live: ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    InputError
        When CUDA is asked for and this machine, or this build of PyTorch, has none.
    """
    check_choice("device", device, DEVICES)
    if device == "cpu":
        return Choice("cpu", "asked for")
    import torch

    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        return Choice("cuda", "asked for" if device == "cuda" else f"{name} found")
    missing = (
        "this build of PyTorch has no CUDA"
        if torch.version.cuda is None
        else "no CUDA device found"
    )
    if device == "cuda":
        raise InputError(f"`device` is 'cuda', but {missing}. Use 'cpu' or 'auto'.")
    return Choice("cpu", missing)


def available_cpus() -> int:
    """Return the number of processors this process may run on (not those of the whole machine)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
