"""Filled files come back as answers."""

from __future__ import annotations

import os
from collections.abc import Mapping

from thresher.core.signatures import checked

from ..sessions.session import Session
from .formats import format_of
from .records import Imported, Inbox


@checked
def import_answers(
    session: Session,
    path: str | os.PathLike[str],
    *,
    annotator: str | None = None,
    names: Mapping[str, str] | None = None,
    overwrite: bool = False,
    format: str | None = None,  # noqa: A002 — the word that users look for
) -> Imported:
    """Record the labels of a filled file.

    Parameters
    ----------
    session : Session
    path : path-like
        CSV, JSON Lines or Parquet with the columns ``row_id`` and ``label``; ``annotator`` and
        ``seconds`` are optional. Sets of classes are separated by semicolons or a JSON list
        (``[]`` for none); spans and boxes are a JSON list. Or what another tool has written.
    annotator : str, optional
        Who labeled; default the file's column, else unnamed.
    names : mapping of str to str, optional
        What annotators are called here, by what the file calls them.
    overwrite : bool
        Record labels that differ from the recorded ones as corrections; otherwise they are only
        reported. ``undo`` is never a conflict.
    format : str, optional
        One of ``"csv"``, ``"jsonl"``, ``"parquet"``, ``"prodigy"`` and ``"label-studio"``; default
        by the name's ending and what the file holds.

    Raises
    ------
    InputError
        For an unknown format, unknown row ids, wrong labels, or two different labels for one row
        and annotator in the file; lines are named and nothing is recorded.

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
    inbox = Inbox(session, source=str(path), annotator=annotator, names=names)
    format_of(path, wanted=format).read(inbox, path)
    return inbox.record(overwrite=overwrite)
