"""``thresher label sync``: rows go to Label Studio, and what people say there comes back."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ...core.errors import ThresherError
from ..terminal import write_line
from .label_loop import Folder
from .label_output import check_all_used, exchange_json, exchange_lines, say
from .options import Json
from .page_options import Port

if TYPE_CHECKING:
    from ..labeling.label_studio import Synced


def sync(
    folder: Folder,
    *,
    rows: Annotated[
        int, typer.Option("-n", "--rows", help="Rows that shall wait there for an answer.")
    ] = 20,
    url: Annotated[
        str | None,
        typer.Option(
            help="Address of the server; default that of the last time, else http://localhost:8080."
        ),
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
    from .. import label_sync

    found = label_sync(
        folder,
        rows=rows,
        url=url,
        project=project,
        mode=mode,
        everything=everything,
        watch=watch,
        every=every,
        listen=listen,
        say=lambda one: _say(one, as_json=as_json),
    )
    _say(found, as_json=as_json)
    check_all_used(found.exchange)


def _say(found: Synced | ThresherError, *, as_json: bool) -> None:
    if isinstance(found, ThresherError):
        say({"error": str(found)}, [f"{found} Trying again."], as_json=as_json)
        return
    lines = exchange_lines(found.exchange, where=f"at {found.address}", thing="task")
    about = {"project": found.project, "address": found.address}
    say(exchange_json(found.exchange) | about, lines, as_json=as_json)


def ml_backend(
    folder: Folder,
    *,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on; others than this machine need a password in "
            "THRESHER_ML_BACKEND_PASSWORD."
        ),
    ] = "127.0.0.1",
    port: Port = 9090,
) -> None:
    """Serve suggestions of the newest model to Label Studio, as its ML backend.

    Connect the address that is printed under Settings, Model. The model learns in the background
    from what `sync` records; no request waits for it. Ctrl-C ends the server.

    Example: thresher label ml-backend labeling --port 9090
    """
    from .. import label_ml_backend

    def told(address: str) -> None:
        write_line(f"{address}  (in Label Studio: Settings, Model, Connect Model)")
        sys.stdout.flush()

    with contextlib.suppress(KeyboardInterrupt):
        label_ml_backend(folder, host=host, port=port, say=told)
