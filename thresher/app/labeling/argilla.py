"""A labeling folder and a dataset in Argilla."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import check_count
from ...core.signatures import checked
from ..label_folder import LabelFolder

if TYPE_CHECKING:
    from active_learning.adapters.argilla.exchange import RecordExchange

PathLike = str | os.PathLike[str]
MEMORY = "argilla.json"


@dataclass(frozen=True)
class Exchanged:
    """What came in and went out.

    Attributes
    ----------
    exchange : RecordExchange
        What came in (``pulled``), which rows went out (``handed``), and how many records wait.
    sent : int
        Answers of the session that were sent.
    strangers : tuple of str
        Annotators who are no users there: their answers were not sent.
    """

    exchange: RecordExchange
    sent: int
    strangers: tuple[str, ...]


@checked
def label_argilla(
    folder: PathLike,
    dataset: str,
    *,
    rows: int = 20,
    url: str | None = None,
    workspace: str | None = None,
    people: int = 1,
    answers: bool = False,
) -> Exchanged:
    """Take in what people said in a dataset of Argilla, then hand rows out until enough wait there.

    The dataset is made at the first time. Killed at any moment, or given twice, this sends no row
    twice and loses no answer.

    Parameters
    ----------
    folder : path-like
        Made by `label_init`.
    dataset : str
        Its name there.
    rows : int
        Records that shall wait for an answer.
    url : str, optional
        Address of the server; by default the variable ARGILLA_API_URL, else
        ``http://localhost:6900``. The key is in the variable ARGILLA_API_KEY.
    workspace : str, optional
        Needed when there are several.
    people : int
        Answers after which Argilla counts a record as done.
    answers : bool
        Send the answers of the session there first, as those of the users with the same names.

    Returns
    -------
    Exchanged

    Raises
    ------
    InputError
        For boxes, for which Argilla has no question, a wrong key, and a dataset that asks something
        else.
    ThresherError
        When no server answers.

    Examples
    --------
    >>> from thresher.app import label_argilla
    >>> label_argilla("labeling", "reviews")  # doctest: +SKIP
    """
    from active_learning.adapters.argilla.connection import Server
    from active_learning.adapters.argilla.exchange import ArgillaDataset

    check_count("rows", rows, low=0)
    check_count("people", people)
    here = LabelFolder(Path(folder))
    with here.open() as session, tempfile.TemporaryDirectory() as images:
        there = ArgillaDataset(
            session,
            dataset,
            memory=here.folder / MEMORY,
            server=Server(url=url),
            workspace=workspace,
            people=people,
        )

        def content(ids: Sequence[str]) -> dict[str, dict[str, Any]]:
            return here.content(ids, images=Path(images))

        sent, strangers = there.send_answers(content=content) if answers else (0, ())
        return Exchanged(there.exchange(rows, content=content), sent, strangers)
