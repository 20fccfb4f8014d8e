"""On which machines a run was computed, and what changed from one to the next."""

from __future__ import annotations

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import thresher

from ..core.choice import Choice
from ..core.cpu import instruction_sets
from ..core.errors import InputError
from ..core.files import read_json, write_json

PACKAGES = ("numpy", "torch", "onnxruntime")


def describe_machine(*, device: str, threads: str) -> dict[str, str]:
    """Return what last bits depend on: processor, threads, device, versions."""
    sets = ", ".join(instruction_sets()) or "no vector instructions known"
    found = {
        "processor": f"{platform.machine()} ({sets})",
        "device": device,
        "threads": threads,
        "python": platform.python_version(),
        "thresher": thresher.__version__,
    }
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def join_machines(marker: Path, machine: dict[str, str]) -> list[dict[str, str]]:
    """Add a machine to those that a run's marker file names; return all, in the order of use.

    A machine that is the last one already is not added again.
    """
    record: dict[str, Any] = {}
    with suppress(InputError):
        record = read_json(marker)
    machines = [known for known in record.get("machines", ()) if isinstance(known, dict)]
    if not machines or machines[-1] != machine:
        machines.append(machine)
    write_json(marker, {"format": 1, "thresher": thresher.__version__, "machines": machines})
    return machines


def changes(before: dict[str, str], now: dict[str, str]) -> str:
    """Say what differs, as ``threads: 2 there, 4 here``; empty if nothing does."""
    names = [name for name in (before | now) if before.get(name) != now.get(name)]
    told = [f"{n}: {before.get(n, 'none')} there, {now.get(n, 'none')} here" for n in names]
    return "; ".join(told)


def told_machine(machines: list[dict[str, str]]) -> Choice:
    """Return the machine at hand, and whether the run came from others."""
    value = ", ".join(f"{name} {found}" for name, found in machines[-1].items())
    if len(machines) == 1:
        return Choice(value, "all of the run was computed here")
    return Choice(
        value,
        f"the run came here from another machine ({changes(machines[-2], machines[-1])}); what was "
        "finished there stays as it is",
    )
