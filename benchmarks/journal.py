"""Finished parts of a benchmark, one JSON line each, so that a run that was killed goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def read_records(path: Path) -> list[dict[str, Any]]:
    """Read the records; a last line that a dying process left torn is cut off the file."""
    if not path.exists():
        return []
    whole, end, torn = path.read_bytes().rpartition(b"\n")
    if torn:
        os.truncate(path, len(whole) + len(end))
    return [json.loads(line) for line in whole.splitlines()]


def append_record(path: Path, record: dict[str, Any]) -> None:
    """Write one line in one piece; it is on disk when this returns."""
    line = json.dumps(record, allow_nan=False).encode() + b"\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        before = os.fstat(descriptor).st_size
        if os.write(descriptor, line) < len(line):
            os.ftruncate(descriptor, before)
            raise OSError(f"{path} took part of a line only; free some space and start again.")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def measure_each(
    log: Path, sets: Iterable[str], seeds: Iterable[int], measure: Callable[[str, int], Any]
) -> list[dict[str, Any]]:
    """Measure each set with each seed that has no record yet, and return all records."""
    runs = read_records(log)
    names = list(sets)
    for seed in seeds:
        for name in names:
            if any((run["set"], run["seed"]) == (name, seed) for run in runs):
                continue
            runs.append(measure(name, seed))
            append_record(log, runs[-1])
            print(runs[-1], flush=True)
    return runs
