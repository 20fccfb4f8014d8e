"""Finished cells, one JSON line each, so that a run that was killed goes on with the next cell."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

Cell = tuple[str, str, int]  # set, way, seed


def read_cells(path: Path) -> dict[Cell, dict[str, Any]]:
    """Read the finished cells; a last line that a dying process left torn is cut off the file.

    Of a cell that was done twice the later record counts.
    """
    if not path.exists():
        return {}
    whole, end, torn = path.read_bytes().rpartition(b"\n")
    if torn:
        os.truncate(path, len(whole) + len(end))
    records = [json.loads(line) for line in whole.splitlines()]
    return {cell_of(record): record for record in records}


def append_cell(path: Path, record: dict[str, Any]) -> None:
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


def cell_of(record: dict[str, Any]) -> Cell:
    """Return which cell a record is of."""
    return record["set"], record["way"], int(record["seed"])
