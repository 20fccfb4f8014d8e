"""``thresher label export``: labels and answers for training, for others and for the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...core.counted import counted
from .label_loop import Folder
from .label_output import say
from .options import Json

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
            help="csv, jsonl, parquet, prodigy, label-studio, huggingface; default by the ending.",
        ),
    ] = None,
    method: Annotated[str, typer.Option(help="How several answers become one.")] = "auto",
    gold: Annotated[
        Path | None,
        typer.Option(help="Control questions: a table with row_id and the label that is known."),
    ] = None,
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

    Tables hold the texts or numbers of the rows too. Formats of other tools hold all answers, with
    the texts or images of their rows. huggingface is a folder for `load_dataset`: rows, labels,
    what each annotator said, and a card.

    Beside each label stands how far the answers agree, which is no probability; with ten or more
    control questions (--gold) how likely the label is right.

    Example: thresher label export labeling labels.parquet
    """
    from .. import label_export
    from ..console import shown_progress

    with shown_progress():
        rows = label_export(
            folder,
            file,
            answers=answers,
            history=history,
            format=format_,
            method=method,
            gold=gold,
            push=push,
            private=private,
            anonymous=anonymous,
        )
    if format_ == HUB:
        shown = f"{file}, and at https://huggingface.co/datasets/{push}" if push else str(file)
        result = {"file": str(file), "rows": rows, "pushed": push}
    else:
        shown, result = str(file), {"file": str(file), "rows": rows}
    say(result, [f"{counted(rows, 'row')} in {shown}"], as_json=as_json)
