"""Labels and answers of a session for training, for others and for the Hub."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import InputError, check_choice
from ...core.progress import message
from ...core.signatures import checked
from ..label_folder import LabelFolder

if TYPE_CHECKING:
    from active_learning import Session
    from active_learning.adapters.formats import FileFormat

PathLike = str | os.PathLike[str]
HUB = "huggingface"
COLUMNS = ("row_id", "label")


@checked
def label_export(
    folder: PathLike,
    file: PathLike,
    *,
    answers: bool = False,
    history: bool = False,
    format: str | None = None,  # noqa: A002 — as in export_answers
    method: str = "auto",
    gold: PathLike | Mapping[str, str] | None = None,
    push: str | None = None,
    private: bool = False,
    anonymous: bool = False,
) -> int:
    """Write one label for each labeled row with its quality, or all answers; return their number.

    Beside the labels stand the texts or numbers of the rows. Formats of other tools hold all
    answers, with the texts or images of their rows.

    Parameters
    ----------
    folder : path-like
        Made by `label_init`.
    file : path-like
        CSV, JSONL or Parquet; or the folder of a Hugging Face dataset.
    answers : bool
        Each annotator's answer instead of one label for each row.
    history : bool
        Every answer ever told, corrections included.
    format : {"csv", "jsonl", "parquet", "prodigy", "label-studio", "huggingface"}, optional
        By default that of the file's ending; ``"huggingface"`` is a folder for `load_dataset`, with
        rows, labels, what each annotator said, and a card.
    method : str
        How several answers become one; see `active_learning.consensus`.
    gold : path-like or mapping of row id to class, optional
        Control questions: rows of known label, a file with the columns ``row_id`` and ``label``.
        Beside each label stands then how likely it is right instead of how far answers agree.
    push : str, optional
        Put a Hugging Face dataset on the Hub too, as ``"OWNER/NAME"``.
    private : bool
        Make a new repository of the Hub a private one.
    anonymous : bool
        Number the annotators in a Hugging Face dataset.

    Raises
    ------
    InputError
        For a file of another kind.

    Examples
    --------
    >>> import datasets
    >>> rows = datasets.Dataset.from_dict({"text": ["works well", "broke at once", "very good"]})
    >>> from thresher.app import label_export, label_init, label_next, label_tell
    >>> _ = label_init(rows, out="labeling", classes=["good", "bad"])
    >>> row_ids = label_next("labeling", 2).batch.row_ids.tolist()
    >>> _ = label_tell("labeling", dict(zip(row_ids, ["good", "bad"])))
    >>> label_export("labeling", "labels.csv")
    2
    """
    from active_learning import export_dataset, export_labels
    from active_learning.adapters.formats import FORMATS, format_of

    if format is not None:
        check_choice("format", format, (*FORMATS, HUB))
    here, path = LabelFolder(Path(folder)), Path(file)
    known = _known(gold)
    if known is not None and (answers or history or format == HUB):
        raise InputError("--gold goes with one label for each row in a table.")
    if format == HUB:
        if answers or history:
            raise InputError("A Hugging Face dataset holds all answers: leave --answers out.")
        with here.open() as session:
            return export_dataset(
                session,
                path,
                rows=here.rows(),
                method=method,
                anonymous=anonymous,
                push=push,
                private=private,
            )
    if push is not None or private or anonymous:
        raise InputError("--push, --private and --anonymous are for --format huggingface.")
    chosen = format_of(path, wanted=format, by_ending=True)
    with here.open() as session:
        if answers or history or chosen.holds_content:
            if known is not None:
                raise InputError(f"--gold goes with one label a row; {chosen.name} holds answers.")
            return _answers(here, session, path, chosen, history=history)
        content = _held(here, session)
        written = export_labels(session, path, method=method, gold=known, content=content)
        if known is not None:
            message(_judged(session, method=method, gold=known))
        return written


def _held(here: LabelFolder, session: Session) -> dict[str, dict[str, Any]] | None:
    """Return what the labeled rows hold; of images, which no table holds, nothing."""
    if here.schema.modality == "image":
        message("labels by row_id, without their images; with them: --format huggingface")
        return None
    return here.cells(session.state.row_ids[session.state.labeled].tolist())


def _judged(session: Session, *, method: str, gold: Mapping[str, Any]) -> str:
    """Say how many labels are right by the control questions, and which of these said nothing."""
    found = session.labels(method=method, gold=gold)
    answered = set(found.row_ids.tolist())
    silent = [name for name in gold if str(name) not in answered]
    used = len(gold) - len(silent)
    said = f"control questions: {used:,} used"
    if silent:
        said += f"; {len(silent):,} without an answer left out, such as {silent[0]!r}"
    if found.accuracy is None:
        return said
    sure = found.accuracy
    return (
        f"{said}; of the other labels {100 * sure.value:.0f} % are right "
        f"({100 * sure.low:.0f} to {100 * sure.high:.0f} %)"
    )


def _known(gold: PathLike | Mapping[str, str] | None) -> Mapping[str, Any] | None:
    """Read the control questions of a file, of which no row has two labels."""
    from active_learning.adapters.row_files import read_rows

    if gold is None or isinstance(gold, Mapping):
        return gold
    known: dict[str, Any] = {}
    for number, row in read_rows(gold, needed=COLUMNS):
        name, label = str(row["row_id"]), row["label"]
        if known.setdefault(name, label) != label:
            raise InputError(
                f"{gold}: the row {name!r} has the labels {known[name]!r} and {label!r} (line or "
                f"row {number}). Leave one of them."
            )
    return known


def _answers(
    here: LabelFolder, session: Session, file: Path, chosen: FileFormat, *, history: bool
) -> int:
    from active_learning import export_answers

    content = None
    if chosen.holds_content:
        ids = list({session.state.find(answer.row_id): None for answer in session.history()})
        content = here.content(ids, images=file.with_name(f"{file.stem}-images"))
    return export_answers(session, file, history=history, format=chosen.name, content=content)
