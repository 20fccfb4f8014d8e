"""The labels of a session as a file for training or for other tools."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from thresher.core.labels import latest
from thresher.core.signatures import checked

from ..sessions.session import Session
from .formats import format_of
from .row_files import file_format, write_rows
from .table_writing import label_value


@checked
def export_labels(
    session: Session,
    path: str | os.PathLike[str],
    *,
    method: str = "auto",
    gold: Mapping[Any, Any] | None = None,
    content: Mapping[str, Mapping[str, Any]] | None = None,
) -> int:
    """Write the consensus label of each labeled row; return their number.

    Parameters
    ----------
    session : Session
    path : path-like
        Ends in ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson`` or ``.parquet``.
    method : str
        See `consensus`.
    gold : mapping of row id to class, optional
        Control questions; see `consensus`.
    content : mapping of row id to a mapping, optional
        What the rows hold, such as ``{"text": …}``: further columns.

    Notes
    -----
    Columns: ``row_id``, ``label``, and ``agreement`` of the answers, which is no probability; with
    `gold` the ``probability`` that the label is right, for numbers the ``reliability``. Sets of
    classes and marks are JSON in CSV, lists elsewhere. Columns of `content` follow, but for those
    of the same name.

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
    found = session.labels(method=method, gold=gold)
    labels = [label_value(session.task, text, csv=csv) for text in found.labels.tolist()]
    values = zip(found.row_ids.tolist(), labels, found.scores.tolist(), strict=True)
    own = ("row_id", "label", found.scores_are)
    held = content or {}
    columns = list(dict.fromkeys([*own, *(name for row in held.values() for name in row)]))
    rows = [{**held.get(row[0], {}), **dict(zip(own, row, strict=True))} for row in values]
    write_rows(path, [{name: row.get(name) for name in columns} for row in rows], columns=columns)
    return len(labels)


@checked
def export_answers(
    session: Session,
    path: str | os.PathLike[str],
    *,
    history: bool = False,
    format: str | None = None,  # noqa: A002 — the word that users look for
    content: Mapping[str, Mapping[str, Any]] | None = None,
) -> int:
    """Write the answer of each annotator for each row that counts now; return their number.

    The file can be imported into another session (`import_answers`); of several answers of an
    annotator for a row the last in the log counts there.

    Parameters
    ----------
    session : Session
    path : path-like
    history : bool
        Write every answer ever told, in order: corrections and undone ones too.
    format : str, optional
        ``"csv"``, ``"jsonl"``, ``"parquet"``, ``"prodigy"`` or ``"label-studio"``; default by the
        name's ending.
    content : mapping of row id to a mapping, optional
        What the rows hold, such as ``{"text": …}`` or ``{"image": path}``, for formats of other
        tools; tables leave it out.

    Notes
    -----
    Columns of tables: ``row_id``, ``annotator``, ``kind`` (label, skip or undo), ``label``,
    ``seconds``, ``time`` (seconds since 1970), ``round`` (the number of the batch, 0 for none),
    ``log_id``.

    Examples
    --------
    >>> import numpy as np
    >>> from active_learning import Session, export_answers
    >>> with Session("labels.db", embeddings=np.eye(4), classes=["a", "b"]) as session:
    ...     told = session.tell({"0": "a", "1": "b"}, annotator="ann")
    ...     export_answers(session, "answers.csv")
    2
    """
    chosen = format_of(path, wanted=format, by_ending=True)
    answers = session.history() if history else latest(session.history())
    chosen.write_answers(session.task, answers, path, content=content or {})
    return len(answers)
