"""Labeling with a spreadsheet or any other tool: a batch goes out as a file and comes back filled.

CSV (any spreadsheet) or JSON Lines, by the name's ending. Rows are keyed by ``row_id``; whoever
labels fills the column ``label`` with a label, ``skip`` or ``undo``. The file can come back in any
order, in parts, and twice.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thresher.core.errors import InputError, ThresherWarning
from thresher.core.missing import is_missing
from thresher.core.sheet_cells import unescape_cell
from thresher.core.signatures import checked

from ..tasks import Task
from .batch import Batch, Mark
from .row_files import file_format, read_rows, write_rows
from .session import Session
from .sheet_ids import SheetIds, changed_by_sheets

COLUMNS = ("row_id", "annotator", "suggestion", "confidence", "arm", "reason", "label")
Key = tuple[str, str]


@dataclass(frozen=True)
class Conflict:
    """An imported label that differs from the one recorded for the same row and annotator."""

    row_id: str
    annotator: str
    recorded: str
    imported: str


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes
    ----------
    new : int
        Answers recorded.
    repeated : int
        Answers that were there already.
    empty : int
        Rows whose label was left empty.
    conflicts : tuple of Conflict
        Left as recorded, unless the import was told to overwrite.
    """

    new: int
    repeated: int
    empty: int
    conflicts: tuple[Conflict, ...]


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


@checked
def import_answers(
    session: Session,
    path: str | os.PathLike[str],
    *,
    annotator: str | None = None,
    overwrite: bool = False,
) -> Imported:
    """Record the labels of a filled file.

    Parameters
    ----------
    session : Session
    path : path-like
        With the columns ``row_id`` and ``label``; ``annotator`` and ``seconds`` are optional. Sets
        of classes are separated by semicolons or a JSON list (``[]`` for none); spans and boxes are
        a JSON list.
    annotator : str, optional
        Who labeled; default the file's column, else unnamed.
    overwrite : bool
        Record labels that differ from the recorded ones as corrections; otherwise they are only
        reported. ``undo`` is never a conflict.

    Raises
    ------
    InputError
        For unknown row ids, wrong labels, or two different labels for one row and annotator in the
        file; line numbers are named and nothing is recorded.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from active_learning import Session, import_answers
    >>> _ = Path("batch.csv").write_text("row_id,label" + chr(10) + "0,a")
    >>> with Session("labels.db", embeddings=np.eye(4), classes=["a", "b"]) as session:
    ...     import_answers(session, "batch.csv", annotator="ann").new
    1
    """
    told, seconds, empty = _read_answers(session, path, annotator=annotator)
    recorded = {key: _text(session.task, label) for key, label in session.recorded().items()}
    conflicts = []
    repeated = 0
    by_person: dict[str, dict[str, Any]] = {}
    for (row, person), label in told.items():
        text, before = _text(session.task, label), recorded.get((row, person))
        if text == (before or "undo"):
            repeated += 1
            continue
        if before is not None and label is not Mark.UNDO:
            conflicts.append(Conflict(row, person, before, text))
            if not overwrite:
                continue
        by_person.setdefault(person, {})[row] = label
    new = 0
    for person, answers in by_person.items():
        times = {row: seconds[row, person] for row in answers if (row, person) in seconds}
        new += session.tell(answers, annotator=person, seconds=times)
    return Imported(new, repeated, empty, tuple(conflicts))


def _exported(
    batch: Batch, place: int, content: Mapping[str, Mapping[str, Any]] | None
) -> dict[str, Any]:
    row, row_id = batch.rows[place], str(batch.row_ids[place])
    shown = dict(content.get(row_id, {})) if content else {}
    ours = sorted(set(shown) & set(COLUMNS))
    if ours:
        raise InputError(f"`content` has the column {ours[0]!r}, which the export itself writes.")
    return {
        "row_id": row_id,
        **shown,
        "annotator": batch.annotator,
        "suggestion": row.suggestion or "",
        "confidence": "" if row.confidence is None else round(row.confidence, 4),
        "arm": row.arm,
        "reason": row.reason,
        "label": "",
    }


def _read_answers(
    session: Session, path: str | os.PathLike[str], *, annotator: str | None
) -> tuple[dict[Key, Any], dict[Key, float], int]:
    told: dict[Key, Any] = {}
    seconds: dict[Key, float] = {}
    empty = 0
    known = SheetIds(session.state)
    for number, line in read_rows(path, needed=("row_id", "label")):
        cell = line["label"]
        cell = unescape_cell(cell.strip()) if isinstance(cell, str) else cell
        if is_missing(cell):
            empty += 1
            continue
        try:
            row = known.find(unescape_cell(line["row_id"]))
            label = _read_label(session.task, cell)
            own = unescape_cell(line.get("annotator"))
            person = own if annotator is None else annotator
            key = row, "" if is_missing(person) else str(person)
            _check_same(session.task, row, told.get(key, label), label)
            told[key] = label
            if not is_missing(line.get("seconds")):
                seconds[key] = _read_seconds(line["seconds"])
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from error
    return told, seconds, empty


def _read_label(task: Task, cell: Any) -> Any:
    """Return a mark or a label; a class called ``skip`` or ``undo`` is that class."""
    if isinstance(cell, str) and cell not in task.classes:
        if cell.lower() in (Mark.SKIP.value, Mark.UNDO.value):
            return Mark(cell.lower())
        cell = task.parse(cell)
    return task.decode(task.encode(cell))


def _check_same(task: Task, row: str, above: Any, here: Any) -> None:
    first, second = _text(task, above), _text(task, here)
    if first != second:
        raise InputError(f"row {row!r} is {second!r} here and {first!r} above.")


def _read_seconds(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"`seconds` must be a number, got {value!r}.") from error


def _text(task: Task, label: Any) -> str:
    return label.value if isinstance(label, Mark) else task.encode(label)
