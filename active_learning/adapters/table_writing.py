"""Batches and answers as tables: CSV, JSON Lines or Parquet, by the name's ending."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

from thresher.core.errors import InputError, ThresherWarning
from thresher.core.labels import Answer

from ..sessions.batch import Batch
from ..tasks import Task
from .row_files import file_format, write_rows
from .sheet_ids import changed_by_sheets
from .shown import Content

ANSWER_COLUMNS = ("row_id", "annotator", "kind", "label", "seconds", "time", "round", "log_id")
COLUMNS = ("row_id", "annotator", "suggestion", "confidence", "arm", "reason", "label")
# Whoever sees the model's word tends to agree: the rows it is measured by go out without.
BLIND = "audit"
# What `import_answers` reads; a column of the data with such a name would be taken for its own.
TAKEN = frozenset({*COLUMNS, "seconds", "log_id"})


def write_batch(
    task: Task, batch: Batch, path: str | os.PathLike[str], *, content: Content, escape: bool
) -> None:
    """Write a batch with an empty column ``label``, which goes last."""
    del task
    lost = changed_by_sheets(batch.row_ids.tolist())
    if file_format(path, allowed=("csv", "lines")) == "csv" and lost:
        warnings.warn(
            f"A spreadsheet would round {len(lost)} of the row ids in {path}, such as {lost[0]!r}: "
            "import the column as text there, or write a .jsonl file.",
            ThresherWarning,
            stacklevel=4,
        )
    rows = [_exported(batch, place, content) for place in range(len(batch))]
    columns = list(dict.fromkeys(name for row in rows for name in row)) or list(COLUMNS)
    ordered = [*(name for name in columns if name != "label"), "label"]
    write_rows(path, rows, columns=ordered, escape=escape)


def write_answers(
    task: Task, answers: Sequence[Answer], path: str | os.PathLike[str], *, content: Content
) -> None:
    """Write one row for each answer; the content of the rows is left out."""
    del content
    kind = file_format(path)
    rows = [
        {
            "row_id": answer.row_id,
            "annotator": answer.annotator,
            "kind": answer.kind,
            "label": (
                # A column of Parquet has one type, and not every label is a text.
                (None if kind == "parquet" else answer.kind)
                if answer.label is None
                else label_value(task, answer.label, csv=kind == "csv")
            ),
            "seconds": answer.seconds,
            "time": answer.time,
            "round": answer.round,
            "log_id": answer.id,
        }
        for answer in answers
    ]
    write_rows(path, rows, columns=ANSWER_COLUMNS, escape=True)


def label_value(task: Task, text: str, *, csv: bool) -> Any:
    """Return a label for a cell: text in CSV, else as it is, sets as lists."""
    if csv:
        return text
    label = task.decode(text)
    return list(label) if isinstance(label, tuple) else label


def _exported(batch: Batch, place: int, content: Content) -> dict[str, Any]:
    row, row_id = batch.rows[place], str(batch.row_ids[place])
    shown = dict(content.get(row_id, {}))
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
