"""``thresher label sync``: rows go to Label Studio, and what people say there comes back."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...core.errors import InputError, ThresherError, check_count, check_number
from ..label_folder import LabelFolder
from ..label_studio import URL, connected
from .label_loop import Folder
from .label_output import say
from .options import Json

if TYPE_CHECKING:
    from active_learning.adapters.label_studio.connection import Connection
    from active_learning.adapters.label_studio.rounds import Exchange

SHOWN = 5


def sync(
    folder: Folder,
    *,
    rows: Annotated[
        int, typer.Option("-n", "--rows", help="Rows that shall wait there for an answer.")
    ] = 20,
    url: Annotated[
        str | None,
        typer.Option(help=f"Address of the server; default that of the last time, else {URL}."),
    ] = None,
    project: Annotated[
        int | None,
        typer.Option(help="Number of a project that is there already; else one is made."),
    ] = None,
    mode: Annotated[str, typer.Option(help="new, relabel (second opinions) or mixed.")] = "new",
    everything: Annotated[
        bool, typer.Option("--everything", help="Read all tasks again, not only what changed.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on until interrupted, every few seconds.")
    ] = False,
    every: Annotated[float, typer.Option(help="Seconds between looks, with --watch.")] = 5.0,
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="With --watch: where the server may call this machine, to look sooner.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Label in Label Studio: rows go there with suggestions, answers come back.

    The first time makes a project whose page fits the task. Its token, from the page Account &
    Settings, is read from the variable LABEL_STUDIO_API_KEY. Killed at any moment, or given twice,
    the command sends no row twice and loses no answer.

    Example: thresher label sync labeling -n 50 --url http://localhost:8080
    """
    check_count("rows", rows, low=0)
    check_number("every", every, low=0.1)
    if listen is not None and not watch:
        raise InputError("`--listen` needs --watch: without it nobody waits for a call.")
    with connected(LabelFolder(folder), url=url, project=project) as connection:
        if watch:
            _watch(connection, rows, mode=mode, every=every, listen=listen, as_json=as_json)
            return
        from active_learning.adapters.label_studio.rounds import exchange

        found = exchange(connection, n=rows, mode=mode, everything=everything)
        _say(found, connection, as_json=as_json)
    if found.pulled.set_aside:
        raise ThresherError(
            f"{len(found.pulled.set_aside)} annotations cannot be used and were left out. Mend "
            "them there, and give the command again."
        )


def _watch(
    connection: Connection,
    rows: int,
    *,
    mode: str,
    every: float,
    listen: str | None,
    as_json: bool,
) -> None:
    from active_learning.adapters.label_studio.rounds import watch
    from active_learning.adapters.label_studio.server import UnreachableError
    from active_learning.adapters.label_studio.webhook import listening

    def told(found: Exchange | UnreachableError) -> None:
        if isinstance(found, UnreachableError):
            say({"error": str(found)}, [f"{found} Trying again."], as_json=as_json)
        else:
            _say(found, connection, as_json=as_json)

    wake = threading.Event()
    with listening(connection, listen, wake) if listen else nullcontext():
        watch(
            connection, n=rows, mode=mode, every=every, wake=wake, stop=threading.Event(), say=told
        )


def _say(found: Exchange, connection: Connection, *, as_json: bool) -> None:
    pulled = found.pulled
    result: dict[str, Any] = {
        "new": pulled.new,
        "set_aside": list(pulled.set_aside),
        "foreign": pulled.foreign,
        "handed_out": list(found.handed),
        "waiting": found.waiting,
        "project": connection.project,
        "address": connection.address,
    }
    lines = [
        f"{pulled.new} new answers, {len(found.handed)} rows handed out, {found.waiting} wait at "
        f"{connection.address}",
        *_shown("cannot be used", pulled.set_aside),
    ]
    if pulled.foreign:
        lines.append(f"{pulled.foreign} tasks there are none of the session's rows")
    say(result, lines, as_json=as_json)


def _shown(what: str, items: Sequence[str]) -> list[str]:
    more = [f"  … and {len(items) - SHOWN} more"] if len(items) > SHOWN else []
    return [f"  {what}: {item}" for item in items[:SHOWN]] + more
