"""The labels of a session as a file for training or for other tools."""

from __future__ import annotations

import os
from typing import Any

from thresher.core.labels import latest
from thresher.core.signatures import checked

from ..sessions.session import Session
from .row_files import file_format, write_rows

ANSWER_COLUMNS = ("row_id", "annotator", "kind", "label", "seconds", "time", "round", "log_id")


@checked
def export_labels(session: Session, path: str | os.PathLike[str], *, method: str = "auto") -> int:
    """Write the consensus label of each labeled row; return their number.

    Parameters
    ----------
    session : Session
    path : path-like
        Ends in ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson`` or ``.parquet``.
    method : str
        See `consensus`.

    Notes
    -----
    Columns: ``row_id``, ``label``, ``score`` (probability that it is right, or how reliable it is).
    Sets of classes and marks are JSON in CSV, lists elsewhere.

    Examples
    --------
    >>> import numpy as np
    >>> from active_learning import Session, export_labels
    >>> with Session("labels.db", embeddings=np.eye(4), classes=["a", "b"]) as session:
    ...     told = session.tell({"0": "a", "1": "b"}, annotator="ann")
    ...     export_labels(session, "labels.csv")
    2
    """
    csv = file_format(path) == "csv"
    found = session.labels(method=method)
    labels = [_value(session, text, csv=csv) for text in found.labels.tolist()]
    values = zip(found.row_ids.tolist(), labels, found.scores.tolist(), strict=True)
    columns = ("row_id", "label", "score")
    write_rows(path, [dict(zip(columns, row, strict=True)) for row in values], columns=columns)
    return len(labels)


@checked
def export_answers(session: Session, path: str | os.PathLike[str], *, history: bool = False) -> int:
    """Write the answer of each annotator for each row that counts now; return their number.

    With `history`, every answer ever told, in order: skips, corrections and undone ones too. The
    file can be imported into another session (`import_answers`); of several answers of an annotator
    for a row the last in the log counts there.

    Notes
    -----
    Columns: ``row_id``, ``annotator``, ``kind`` (label, skip or undo), ``label``, ``seconds``,
    ``time`` (seconds since 1970), ``round`` (the number of the batch, 0 for none), ``log_id``.

    Examples
    --------
    >>> import numpy as np
    >>> from active_learning import Session, export_answers
    >>> with Session("labels.db", embeddings=np.eye(4), classes=["a", "b"]) as session:
    ...     told = session.tell({"0": "a", "1": "b"}, annotator="ann")
    ...     export_answers(session, "answers.csv")
    2
    """
    kind = file_format(path)
    answers = session.history() if history else latest(session.history())
    rows = [
        {
            "row_id": answer.row_id,
            "annotator": answer.annotator,
            "kind": answer.kind,
            "label": (
                # A column of Parquet has one type, and not every label is a text.
                (None if kind == "parquet" else answer.kind)
                if answer.label is None
                else _value(session, answer.label, csv=kind == "csv")
            ),
            "seconds": answer.seconds,
            "time": answer.time,
            "round": answer.round,
            "log_id": answer.id,
        }
        for answer in answers
    ]
    write_rows(path, rows, columns=ANSWER_COLUMNS, escape=True)
    return len(rows)


def _value(session: Session, text: str, *, csv: bool) -> Any:
    if csv:
        return text
    label = session.task.decode(text)
    return list(label) if isinstance(label, tuple) else label
