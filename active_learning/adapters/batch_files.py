"""A batch goes out as a file that is filled in with a spreadsheet or any other tool.

Rows are keyed by ``row_id``; whoever labels fills the column ``label`` with a label, ``skip`` or
``undo``. `import_answers` takes the file back in any order, in parts, and twice.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from thresher.core.errors import InputError
from thresher.core.signatures import checked

from ..sessions.batch import Batch
from ..tasks import Task
from .formats import batch_format


@checked
def export_batch(
    batch: Batch,
    path: str | os.PathLike[str],
    *,
    content: Mapping[str, Mapping[str, Any]] | None = None,
    escape: bool = True,
    format: str | None = None,  # noqa: A002 — the word that users look for
    task: Task | None = None,
) -> None:
    """Write a batch of ``session.ask`` as CSV, JSON Lines or tasks of another tool, atomically.

    Parameters
    ----------
    batch : Batch
    path : path-like
        Ends in ``.csv``, ``.jsonl`` or ``.ndjson``; in ``.json`` for Label Studio.
    content : mapping of row id to a mapping, optional
        Further columns for whoever labels, such as ``{"text": …}``; they come after ``row_id``.
    escape : bool
        Whether CSV cells that a spreadsheet would run as formulas get an apostrophe before them;
        `import_answers` reads them as they were.
    format : str, optional
        ``"csv"``, ``"jsonl"``, ``"prodigy"`` or ``"label-studio"``; default by the name's ending.
    task : Task, optional
        That of the session, ``session.task``; another tool is told the classes by it.

    Warns
    -----
    ThresherWarning
        When a spreadsheet would change some of the ids: numbers of more than 15 digits.

    Raises
    ------
    InputError
        For another ending or format, or when a further column has a name of ours.

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
    chosen = batch_format(path, wanted=format)
    assert chosen.write_batch is not None
    if task is None and chosen.holds_content:
        raise InputError(f"The format {chosen.name!r} shows the classes: give `task=session.task`.")
    chosen.write_batch(task, batch, path, content=content or {}, escape=escape)
