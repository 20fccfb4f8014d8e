"""Files of verdicts: a review that was filled in by hand, or what people said in the page."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from active_learning.adapters.row_files import file_format, read_rows, write_rows

from ..core.errors import InputError, did_you_mean
from ..core.manifest import Manifest
from ..core.sheet_cells import unescape_cell
from .verdict import VERDICTS, Verdict

NUMBER = re.compile(r"0*(\d+)([.,]0+)?")


def read_verdicts(path: str | os.PathLike[str], manifest: Manifest) -> list[Verdict]:
    """Read a review that was filled in; lines without a verdict are undecided and left out.

    Delimiter, byte order mark, order and case of columns, further columns and what a spreadsheet
    makes of numbers do not matter.

    Raises
    ------
    InputError
        For an unknown row or verdict, a new label without ``relabel`` or the other way round, and
        two verdicts about one row; the lines are named.
    """
    known = _RowNames(manifest.row_ids.tolist())
    # Only in a table for spreadsheets are there cells with an apostrophe before them.
    escaped = file_format(path) == "csv"
    found: dict[str, Verdict] = {}
    for line, cells in read_rows(path, needed=()):
        row = _named(cells)
        for column in ("row_id", "verdict"):
            if column not in row:
                raise InputError(
                    f"{path}, line {line}: there is no column {column!r}. Columns: "
                    f"{', '.join(row)}."
                )
        try:
            one = _read_line(row, line, known, escaped=escaped)
        except InputError as error:
            raise InputError(f"{path}, line {line}: {error} Nothing was applied.") from error
        if one is None:
            continue
        before = found.setdefault(one.row_id, one)
        if (before.verdict, before.label) != (one.verdict, one.label):
            raise InputError(
                f"{path}, lines {before.line} and {line}: row {one.row_id} has the verdicts "
                f"{before.verdict!r} and {one.verdict!r}. Keep one of them. Nothing was applied."
            )
    return list(found.values())


def _named(cells: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name).strip().lower(): value for name, value in cells.items() if name is not None}


def _read_line(
    row: dict[str, Any], line: int, known: _RowNames, *, escaped: bool
) -> Verdict | None:
    def text(name: str) -> str:
        value = row.get(name)
        value = unescape_cell(value) if escaped else value
        return "" if value is None else str(value)

    said = re.sub(r"[\s-]+", "_", text("verdict").strip().lower())
    label, note = text("label").strip(), text("note").strip() or None
    if not said:
        if label:
            raise InputError(f"the label {label!r} has no verdict; write 'relabel' beside it.")
        return None
    if said not in VERDICTS:
        raise InputError(
            f"{text('verdict')!r} is no verdict; write one of {', '.join(VERDICTS)}, or "
            f"nothing.{did_you_mean(said, VERDICTS)}"
        )
    row_id = known.find(text("row_id"))
    if said == "relabel" and not label:
        raise InputError("'relabel' needs the new label in the column 'label'.")
    if said != "relabel" and label:
        raise InputError(f"the verdict is {said!r}, but there is a new label, {label!r}.")
    return Verdict(row_id, said, line, label or None, note)


class _RowNames:
    """Finds rows by what a spreadsheet leaves of their ids."""

    def __init__(self, row_ids: Sequence[str]) -> None:
        self.exact = set(row_ids)
        self.loose: dict[str, list[str]] = {}
        for row_id in row_ids:
            self.loose.setdefault(_loose(row_id), []).append(row_id)

    def find(self, text: str) -> str:
        for exact in (text, text.strip()):
            if exact in self.exact:
                return exact
        found = self.loose.get(_loose(text), [])
        if len(found) != 1:
            what = "is not in the manifest" if not found else "could be several rows"
            raise InputError(f"the row id {text!r} {what}.")
        return found[0]


def _loose(row_id: str) -> str:
    number = NUMBER.fullmatch(row_id.strip())
    return number[1] if number else row_id.strip().casefold()


def write_verdicts(path: Path, verdicts: Sequence[Verdict], *, people: Sequence[str]) -> None:
    """Write verdicts as JSON Lines, which `read_verdicts` reads back.

    Parameters
    ----------
    path : Path
    verdicts : sequence of Verdict
    people : sequence of str
        Who gave each.
    """
    columns = ("row_id", "verdict", "label", "note", "person")
    rows = [
        {
            "row_id": one.row_id,
            "verdict": one.verdict,
            "label": one.label or "",
            "note": one.note or "",
            "person": person,
        }
        for one, person in zip(verdicts, people, strict=True)
    ]
    write_rows(path, rows, columns=columns)


def record_of(path: Path, *, by: str) -> dict[str, Any]:
    """Return who gave verdicts, when, and the file that holds them."""
    return {
        "by": by,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
