"""What a page shows, as a file: the sheet of `thresher curate review` with the verdicts so far."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from active_learning.adapters.row_files import write_rows

from ...core.errors import check_choice
from ..review_sheet import COLUMNS, sheet_lines
from .desk import ReviewDesk
from .journal import verdicts_of

KINDS = {"csv": ".csv", "jsonl": ".jsonl"}


def export(desk: ReviewDesk, rows: Sequence[int], *, kind: str) -> bytes:
    """Return some rows in the order given as CSV or JSON Lines, ready to be filled in further.

    Parameters
    ----------
    desk : ReviewDesk
    rows : sequence of int
        Row numbers; those that nothing is decided about are left out.
    kind : {"csv", "jsonl"}
        In CSV, cells that a spreadsheet would run as formulas get an apostrophe.
    """
    check_choice("format", kind, KINDS)
    reviewed = desk.table.reviewed
    inside = [row for row in dict.fromkeys(rows) if row < desk.table.decided]
    chosen = desk.table.decisions_of(inside)
    said = {one.row_id: one for one in verdicts_of(desk.journal)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"rows{KINDS[kind]}")
        lines = sheet_lines(reviewed, chosen, verdicts=said)
        write_rows(path, lines, columns=COLUMNS, escape=True)
        return path.read_bytes()
