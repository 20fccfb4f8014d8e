"""``thresher label export``: labels and answers for training, for others and for the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...core.errors import InputError
from ..label_folder import LabelFolder
from .label_loop import Folder
from .label_output import say
from .options import Json

if TYPE_CHECKING:
    from active_learning import Session
    from active_learning.adapters.formats import FileFormat

HUB = "huggingface"


def export(
    folder: Folder,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="File, or the folder of a Hugging Face dataset.")
    ],
    *,
    answers: Annotated[
        bool, typer.Option("--answers", help="Each annotator's answer, not one label a row.")
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="Every answer ever told, corrections included.")
    ] = False,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="csv, jsonl, parquet, prodigy or huggingface; default by the file's ending.",
        ),
    ] = None,
    method: Annotated[str, typer.Option(help="How several answers become one.")] = "auto",
    push: Annotated[
        str | None, typer.Option(help="Put it on the Hugging Face Hub too, as OWNER/NAME.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository of the Hub a private one.")
    ] = False,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Number the annotators in a Hugging Face dataset.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write one label for each labeled row with its quality, or all answers.

    Formats of other tools hold all answers, with the texts or images of their rows. huggingface is
    a folder for `load_dataset`: rows, labels, what each annotator said, and a card.

    Example: thresher label export labeling labels.parquet
    """
    from active_learning import export_dataset, export_labels
    from active_learning.adapters.formats import format_of

    here = LabelFolder(folder)
    if format_ == HUB:
        if answers or history:
            raise InputError("A Hugging Face dataset holds all answers: leave --answers out.")
        with here.open() as session:
            rows = export_dataset(
                session,
                file,
                rows=here.rows(),
                method=method,
                anonymous=anonymous,
                push=push,
                private=private,
            )
        shown = f"{file}, and at https://huggingface.co/datasets/{push}" if push else str(file)
        say({"file": str(file), "rows": rows, "pushed": push}, [f"{rows:,} rows in {shown}"],
            as_json=as_json)  # fmt: skip
        return
    if push is not None or private or anonymous:
        raise InputError("--push, --private and --anonymous are for --format huggingface.")
    chosen = format_of(file, wanted=format_, by_ending=True)
    with here.open() as session:
        if answers or history or chosen.holds_content:
            rows = _answers(here, session, file, chosen, history=history)
        else:
            rows = export_labels(session, file, method=method)
    say({"file": str(file), "rows": rows}, [f"{rows:,} rows in {file}"], as_json=as_json)


def _answers(
    here: LabelFolder, session: Session, file: Path, chosen: FileFormat, *, history: bool
) -> int:
    from active_learning import export_answers

    content = None
    if chosen.holds_content:
        ids = list({session.state.find(answer.row_id): None for answer in session.history()})
        content = here.content(ids, images=file.with_name(f"{file.stem}-images"))
    return export_answers(session, file, history=history, format=chosen.name, content=content)
