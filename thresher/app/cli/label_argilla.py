"""``thresher label argilla``: rows go to Argilla, and what people say there comes back."""

from __future__ import annotations

from typing import Annotated

import typer

from ...core.counted import counted
from .label_loop import Folder
from .label_output import check_all_used, exchange_json, exchange_lines, say
from .options import Json


def argilla(
    folder: Folder,
    dataset: Annotated[str, typer.Argument(help="Its name there; it is made at the first time.")],
    *,
    rows: Annotated[
        int, typer.Option("-n", "--rows", help="Records that shall wait there for an answer.")
    ] = 20,
    url: Annotated[
        str | None,
        typer.Option(help="Address of the server; default $ARGILLA_API_URL, else localhost:6900."),
    ] = None,
    workspace: Annotated[str | None, typer.Option(help="Needed when there are several.")] = None,
    people: Annotated[int, typer.Option(help="Answers after which a record is done there.")] = 1,
    answers: Annotated[
        bool,
        typer.Option("--answers", help="Send the answers of here there, to users of those names."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Label in Argilla: answers come back, rows go there with suggestions until enough wait.

    The key is read from the variable ARGILLA_API_KEY. Killed at any moment, or given twice, the
    command sends no row twice and loses no answer.

    Example: thresher label argilla labeling reviews -n 50
    """
    from .. import label_argilla

    done = label_argilla(
        folder,
        dataset,
        rows=rows,
        url=url,
        workspace=workspace,
        people=people,
        answers=answers,
    )
    found = done.exchange
    result = exchange_json(found) | {
        "known": found.pulled.known,
        "sent": done.sent,
        "strangers": list(done.strangers),
    }
    lines = exchange_lines(found, where=f"in {dataset}", thing="record")
    if answers:
        lines.append(f"{counted(done.sent, 'answer')} of here sent there")
    if done.strangers:
        named = ", ".join(name or "(unnamed)" for name in done.strangers)
        lines.append(f"no users there, their answers stay here: {named}")
    say(result, lines, as_json=as_json)
    check_all_used(found)
