"""``thresher label argilla``: rows go to Argilla, and what people say there comes back."""

from __future__ import annotations

from typing import Annotated

import typer

from ...core.counted import counted
from ...core.errors import ThresherError
from .label_loop import Folder
from .label_output import say
from .options import Json

SHOWN = 5


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
    found, pulled = done.exchange, done.exchange.pulled
    result = {
        "new": pulled.new,
        "known": pulled.known,
        "foreign": pulled.foreign,
        "set_aside": list(pulled.set_aside),
        "handed_out": list(found.handed),
        "waiting": found.waiting,
        "sent": done.sent,
        "strangers": list(done.strangers),
    }
    lines = [
        f"{counted(pulled.new, 'new answer')}, {counted(len(found.handed), 'row')} handed out, "
        f"{found.waiting:,} wait in "
        f"{dataset}"
    ]
    if answers:
        lines.append(f"{done.sent} answers of here sent there")
    if done.strangers:
        named = ", ".join(name or "(unnamed)" for name in done.strangers)
        lines.append(f"no users there, their answers stay here: {named}")
    if pulled.foreign:
        lines.append(f"{pulled.foreign} records there are none of the session's rows")
    lines += [f"  cannot be used: {item}" for item in pulled.set_aside[:SHOWN]]
    more = len(pulled.set_aside) - SHOWN
    lines += [f"  … and {more} more"] if more > 0 else []
    say(result, lines, as_json=as_json)
    if pulled.set_aside:
        raise ThresherError(
            f"{len(pulled.set_aside)} answers cannot be used and were left out. Mend them there, "
            "and give the command again."
        )
