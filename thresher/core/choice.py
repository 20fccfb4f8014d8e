"""Settings that were chosen automatically, each with its reason, and the choice of a device."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from .errors import InputError, check_choice, check_count, require

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
    MissingExtraError
        When CUDA is asked for and PyTorch is not installed.
    """
    check_choice("device", device, DEVICES)
    if device == "cpu":
        return Choice("cpu", "asked for")
    if device == "auto" and find_spec("torch") is None:
        return Choice("cpu", "torch is not installed")
    torch: Any = require("torch", extra="train")

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


def choose_threads(threads: int | str = "auto") -> Choice:
    """Choose how many threads to compute with: what is asked, here or by ``OMP_NUM_THREADS``.

    Else all processors of this process.

    The choice does not follow the machine's load, since sums in another order give other bits; the
    reason says so when other programs are busy, because training then slows down several times.
    """
    if isinstance(threads, int):
        check_count("threads", threads, low=1)
        return Choice(str(threads), "asked for")
    if threads != "auto":
        raise InputError(f"`threads` must be a number or 'auto', got {threads!r}.")
    if environment := _threads_of_environment():
        return Choice(environment, "OMP_NUM_THREADS in the environment")
    cpus = available_cpus()
    reason = "all processors that this process may use"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if cpus > 1 and load > cpus / 2:
        reason += f"; other programs are busy (load {load:.1f}), so 1 thread may be much faster"
    return Choice(str(cpus), reason)


def _threads_of_environment() -> str:
    """Return what OMP_NUM_THREADS says of the outermost level, nothing where it is no number."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return first if first.isdecimal() and int(first) > 0 else ""


def available_cpus() -> int:
    """Return the number of processors this process may run on (not those of the whole machine)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
