"""``thresher serve-labels``: the page on which people label."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from ..terminal import write_line
from .page_options import AllowHost, Browser, Host, Port, Token, links_said


def serve_labels(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder made by `thresher label init`.")
    ],
    *,
    annotator: Annotated[
        list[str] | None,
        typer.Option(
            help="A person who may label, repeatable; each gets a link. By default any name may."
        ),
    ] = None,
    target: Annotated[
        float | None, typer.Option(help="Accuracy (or mean error) at which labeling may stop.")
    ] = None,
    mode: Annotated[str, typer.Option(help="new, relabel (second opinions) or mixed.")] = "new",
    batch: Annotated[int, typer.Option(help="Rows that are chosen at once for a person.")] = 20,
    lease: Annotated[
        str, typer.Option(help="How long rows wait for a page of which nothing is heard.")
    ] = "10m",
    port: Port = 8765,
    host: Host = "127.0.0.1",
    allow_host: AllowHost = None,
    token: Token = None,
    browser: Browser = True,
) -> None:
    """Serve a page to label on: one key for a label, the next row at once, nothing lost.

    The link that is printed holds a key; without it nothing is shown. Ctrl-C ends the server, and
    a page that is still open keeps its answers until it runs again.

    The folder of a run shows its findings instead, see `thresher serve-review`.

    Example: thresher serve-labels labeling --annotator ann --annotator bob
    """
    from ..serving import serve_labels as serve

    with contextlib.suppress(KeyboardInterrupt):
        serve(
            folder,
            annotators=annotator or (),
            target=target,
            mode=mode,
            batch=batch,
            lease=lease,
            host=host,
            port=port,
            allow_hosts=allow_host or (),
            token=token or "",
            say=links_said(browser=browser),
        )
    write_line("Ended.")
