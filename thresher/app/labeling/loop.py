"""The loop of labeling: rows are handed out as files, and their answers come back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.file_names import safe_name
from ...core.shown import Shown
from ...core.signatures import checked
from ..label_folder import LabelFolder
from .label_studio import people_of

if TYPE_CHECKING:
    from active_learning import Batch, Session
    from active_learning.adapters.records import Imported
    from active_learning.sessions.report import Report

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, repr=False)
class HandedOut(Shown):
    """Rows that were handed out, and the file whose column ``label`` is to be filled."""

    batch: Batch
    file: Path


@dataclass(frozen=True, repr=False)
class Told(Shown):
    """What was recorded, and as what a file was read; None where answers were no file."""

    imported: Imported
    format: str | None = None


@dataclass(frozen=True, repr=False)
class Status(Shown):
    """How good the model of a session is, and what is open.

    Attributes
    ----------
    report : Report
    annotator_quality : dict of str to float
        Empty where no row has several answers.
    suspects : list of (str, float)
        Rows whose label is doubtful, with its score.
    open_leases : int
        Rows that are out with annotators.
    """

    report: Report
    annotator_quality: dict[str, float] = field(default_factory=dict)
    suspects: list[tuple[str, float]] = field(default_factory=list)
    open_leases: int = 0


@checked
def label_next(
    folder: PathLike,
    n: int = 20,
    *,
    out: PathLike | None = None,
    annotator: str = "",
    lease: str = "2h",
    mode: str = "new",
    format: str | None = None,  # noqa: A002 — as in export_batch
) -> HandedOut:
    """Hand out rows as a file whose column ``label`` is to be filled; images go beside it.

    Parameters
    ----------
    folder : path-like
        Made by `label_init`.
    n : int
        Rows.
    out : path-like, optional
        Ends in .csv or .jsonl; by default a file in ``batches`` of the folder.
    annotator : str
        Who labels.
    lease : str
        Time until the rows go to others, such as ``"90s"``, ``"2h"`` or ``"1d"``.
    mode : {"new", "relabel", "mixed"}
        ``"relabel"`` asks for second opinions.
    format : {"csv", "jsonl", "prodigy", "label-studio"}, optional
        By default that of the file's ending.

    Returns
    -------
    HandedOut

    Raises
    ------
    InputError
        For a folder without a session, and a file of another kind.

    Examples
    --------
    >>> import datasets
    >>> rows = datasets.Dataset.from_dict({"text": ["works well", "broke at once", "very good"]})
    >>> from thresher.app import label_init, label_next
    >>> _ = label_init(rows, out="labeling", classes=["good", "bad"])
    >>> handed = label_next("labeling", 2, annotator="ann")
    >>> handed.file.name, len(handed.batch)
    ('0001-ann.csv', 2)
    """
    from active_learning import export_batch
    from active_learning.adapters.formats import batch_format

    here = LabelFolder(Path(folder))
    chosen = batch_format(out, wanted=format)  # before rows are leased
    with here.open() as session:
        batch = session.ask(n, annotator=annotator, lease=lease, mode=mode)
        name = f"{batch.number:04d}-{safe_name(annotator or 'batch')}{chosen.endings[0]}"
        path = here.folder / "batches" / name if out is None else Path(out)
        images = path.with_name(f"{path.stem}-images")
        content = here.content(batch.row_ids.tolist(), images=images)
        export_batch(batch, path, content=content, format=chosen.name, task=session.task)
    return HandedOut(batch, path)


@checked
def label_tell(
    folder: PathLike,
    answers: PathLike | Mapping[str, Any],
    *,
    annotator: str | None = None,
    names: Mapping[str, str] | None = None,
    overwrite: bool = False,
    format: str | None = None,  # noqa: A002 — as in import_answers
) -> Told:
    """Record labels; twice, in parts or in any order is fine.

    Parameters
    ----------
    folder : path-like
        Made by `label_init`.
    answers : path-like or mapping
        A filled batch, exported answers, or what another tool has written; or answers by row id, as
        text or as `Session.tell` takes them. The texts ``"skip"`` and ``"undo"`` are no labels,
        unless a class is called so.
    annotator : str, optional
        Who labeled; by default the file's column.
    names : mapping of str to str, optional
        What annotators are called here, by what the file calls them. Files of Label Studio give
        numbers; `label_sync` has noted whose they are.
    overwrite : bool
        Take labels of a file that differ from the recorded ones as corrections.
    format : {"csv", "jsonl", "parquet", "prodigy", "label-studio"}, optional
        Of a file; by default what it looks like.

    Returns
    -------
    Told
        The ``conflicts`` of its ``imported`` differ from what the annotator said before, and were
        left out unless `overwrite` is given.

    Raises
    ------
    InputError
        For rows and labels that the session does not know.

    Examples
    --------
    >>> import datasets
    >>> rows = datasets.Dataset.from_dict({"text": ["works well", "broke at once", "very good"]})
    >>> from thresher.app import label_init, label_next, label_tell
    >>> _ = label_init(rows, out="labeling", classes=["good", "bad"])
    >>> row_ids = label_next("labeling", 2).batch.row_ids.tolist()
    >>> label_tell("labeling", {row_ids[0]: "good", row_ids[1]: "skip"}).imported.new
    2
    """
    from active_learning import import_answers
    from active_learning.adapters.formats import format_of

    with LabelFolder(Path(folder)).open() as session:
        if isinstance(answers, Mapping):
            return Told(_record(session, answers, annotator=annotator or ""))
        read_as = format_of(Path(answers), wanted=format).name
        known = people_of(Path(folder)) if read_as == "label-studio" else {}
        found = import_answers(
            session,
            answers,
            annotator=annotator,
            names=known | dict(names or {}),
            overwrite=overwrite,
            format=read_as,
        )
    return Told(found, read_as)


def _record(session: Session, answers: Mapping[str, Any], *, annotator: str) -> Imported:
    from active_learning.adapters.records import Imported
    from active_learning.sessions.batch import NoLabel

    said = dict(answers)
    for row, answer in answers.items():
        if isinstance(answer, str):
            mark = answer.lower() in ("skip", "undo") and answer not in session.classes
            said[row] = NoLabel(answer.lower()) if mark else session.task.parse(answer)
    new = session.tell(said, annotator=annotator)
    return Imported(new=new, repeated=len(said) - new, empty=0, conflicts=())


@checked
def label_status(folder: PathLike, *, target: float | None = None, suspects: int = 5) -> Status:
    """Say how good the model is, with an interval, and whether more labels are worth it.

    Parameters
    ----------
    folder : path-like
        Made by `label_init`.
    target : float, optional
        Accuracy, or mean error, to reach.
    suspects : int
        How many doubtful labels to list.

    Returns
    -------
    Status

    Raises
    ------
    InputError
        For a folder without a session.

    Examples
    --------
    >>> import datasets
    >>> rows = datasets.Dataset.from_dict({"text": ["works well", "broke at once", "very good"]})
    >>> from thresher.app import label_init, label_status
    >>> _ = label_init(rows, out="labeling", classes=["good", "bad"])
    >>> label_status("labeling").report.labeled
    0
    """
    with LabelFolder(Path(folder)).open() as session:
        report = session.report(target=target)
        doubtful = session.suspects(suspects) if suspects > 0 else []
        quality: dict[str, float] = {}
        if report.answers > report.labeled:  # without a shared row nobody can be compared
            found = session.labels()
            names = found.annotators.tolist()
            quality = dict(zip(names, found.annotator_quality.tolist(), strict=True))
        return Status(report, quality, doubtful, len(session.open_leases()))
