"""Finished cells, one a line, each with the code that it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from journal import append_record, read_records

# What trains, chooses and cleans; the advice itself is in none of it.
TRAINED_BY = ("training", "curation", "active_learning", "augment", "thresher/core")
RUN_BY = (*TRAINED_BY, "thresher/app/steps")


def code_of(kind: str) -> str:
    """Return the fingerprint of the code that a cell depends on."""
    from thresher.app.stages import code_version
    from thresher.core.fingerprint import fingerprint

    return fingerprint(*(code_version(name) for name in (RUN_BY if kind == "run" else TRAINED_BY)))


def read_cells(file: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Read the finished cells by set and kind; of one cell the last line counts."""
    done: dict[str, dict[str, dict[str, Any]]] = {}
    for record in read_records(file):
        done.setdefault(record["set"], {})[record["kind"]] = record
    return done


def write_cell(file: Path, name: str, kind: str, found: dict[str, Any]) -> dict[str, Any]:
    """Add a finished cell and return its record."""
    told = {k: v for k, v in found.items() if not isinstance(v, (list, dict))}
    print(name, kind, told, flush=True)
    record = {"set": name, "kind": kind, "code": code_of(kind), "found": found}
    append_record(file, record)
    return record
