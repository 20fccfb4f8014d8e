"""Finished cells of the headline experiment: those of a run that was killed are not done again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from journal import read_records

Cell = tuple[str, str, int]  # set, way, seed


def read_cells(path: Path) -> dict[Cell, dict[str, Any]]:
    """Read the finished cells; of one that was done twice the later record counts."""
    return {cell_of(record): record for record in read_records(path)}


def cell_of(record: dict[str, Any]) -> Cell:
    """Return which cell a record is of."""
    return record["set"], record["way"], int(record["seed"])
