"""A batch goes out as a file that is filled in with a spreadsheet or any other tool.

CSV (any spreadsheet) or JSON Lines, by the name's ending. Rows are keyed by ``row_id``; whoever
labels fills the column ``label`` with a label, ``skip`` or ``undo``. `import_answers` takes it back
in any order, in parts, and twice.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

from thresher.core.errors import InputError, ThresherWarning
from thresher.core.signatures import checked

from ..sessions.batch import Batch
from .row_files import file_format, write_rows
from .sheet_ids import changed_by_sheets

COLUMNS = ("row_id", "annotator", "suggestion", "confidence", "arm", "reason", "label")
# Whoever sees the model's word tends to agree: the rows it is measured by go out without.
BLIND = "audit"
# What `import_answers` reads; a column of the data with such a name would be taken for its own.
TAKEN = frozenset({*COLUMNS, "seconds", "log_id"})


@checked
def export_batch(
    batch: Batch,
    path: str | os.PathLike[str],
    *,
    content: Mapping[str, Mapping[str, Any]] | None = None,
    escape: bool = True,
) -> None:
    """Write a batch of ``session.ask`` as CSV or JSON Lines, atomically.

    Parameters
    ----------
    batch : Batch
    path : path-like
        Ends in ``.csv``, ``.jsonl`` or ``.ndjson``.
    content : mapping of row id to a mapping, optional
        Further columns for whoever labels, such as ``{"text": …}``; they come after ``row_id``.
    escape : bool
        Whether CSV cells that a spreadsheet would run as formulas get an apostrophe before them;
        `import_answers` reads them as they were.

    Warns
    -----
    ThresherWarning
        When a spreadsheet would change some of the ids: numbers of more than 15 digits.

    Raises
    ------
    InputError
        For another ending, or when a further column has a name of ours.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from active_learning import Session, export_batch
    >>> with Session("labels.db", embeddings=np.eye(4), classes=["a", "b"]) as session:
    ...     batch = session.ask(2, annotator="ann")
    ...     texts = {row: {"text": f"row {row}"} for row in batch.row_ids}
    ...     export_batch(batch, "batch.csv", content=texts)
    >>> Path("batch.csv").read_text().splitlines()[0]
    'row_id,text,annotator,suggestion,confidence,arm,reason,label'
    """
    lost = changed_by_sheets(batch.row_ids.tolist())
    if file_format(path, allowed=("csv", "lines")) == "csv" and lost:
        warnings.warn(
            f"A spreadsheet would round {len(lost)} of the row ids in {path}, such as {lost[0]!r}: "
            "import the column as text there, or write a .jsonl file.",
            ThresherWarning,
            stacklevel=2,
        )
    rows = [_exported(batch, place, content) for place in range(len(batch))]
    columns = list(dict.fromkeys(name for row in rows for name in row)) or list(COLUMNS)
    # The column to fill goes last.
    ordered = [*(name for name in columns if name != "label"), "label"]
    write_rows(path, rows, columns=ordered, escape=escape)


def _exported(
    batch: Batch, place: int, content: Mapping[str, Mapping[str, Any]] | None
) -> dict[str, Any]:
    row, row_id = batch.rows[place], str(batch.row_ids[place])
    shown = dict(content.get(row_id, {})) if content else {}
    ours = sorted(set(shown) & TAKEN)
    if ours:
        raise InputError(
            f"`content` has the column {ours[0]!r}, which the labels in the file use. "
            "Give it another name."
        )
    blind = row.arm == BLIND
    return {
        "row_id": row_id,
        **shown,
        "annotator": batch.annotator,
        "suggestion": "" if blind else row.suggestion or "",
        "confidence": "" if blind or row.confidence is None else round(row.confidence, 4),
        "arm": row.arm,
        "reason": row.reason,
        "label": "",
    }
