"""``thresher serve-review``: the page on which people review findings."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from ..terminal import write_line
from .page_options import AllowHost, Browser, Host, Port, Token, links_said


def serve_review(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="Folder of a run, or of decisions (with --data)."),
    ],
    *,
    data: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="The data, where RUN is a folder of decisions alone."),
    ] = None,
    embeddings: Annotated[
        Path | None, typer.Option(help="Vectors for the map (.npy, .npz); else those of the run.")
    ] = None,
    person: Annotated[
        list[str] | None,
        typer.Option(
            help="A person who may review, repeatable; each gets a link. By default any name may."
        ),
    ] = None,
    port: Port = 8766,
    host: Host = "127.0.0.1",
    allow_host: AllowHost = None,
    token: Token = None,
    browser: Browser = True,
) -> None:
    """Serve a page to review findings on: duplicates, wrong labels, leaks, and a map of all rows.

    Each verdict is on disk at once and can be undone. Nothing is changed before `Apply`, which
    says what it will do, or before `thresher curate apply`.

    Example: thresher serve-review clean.csv.run
    """
    from ..serving import serve_review as serve

    with contextlib.suppress(KeyboardInterrupt):
        serve(
            run,
            data=data,
            embeddings=embeddings,
            people=person or (),
            host=host,
            port=port,
            allow_hosts=allow_host or (),
            token=token or "",
            say=links_said(browser=browser),
        )
    write_line("Ended.")
