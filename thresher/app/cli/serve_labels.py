"""``thresher serve-labels``: the page on which people label."""

from __future__ import annotations

import contextlib
import sys
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from ..terminal import write_line


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
    port: Annotated[int, typer.Option(help="Port; 0 for any free one.")] = 8765,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A further name under which the server may be called; repeatable."),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="THRESHER_TOKEN",
            help="Key in the link, so that links outlive the server; default a new one each time.",
        ),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the link in a browser here.")
    ] = True,
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


def links_said(*, browser: bool) -> Callable[[Mapping[str, str]], None]:
    """Return what prints the links of a server, and opens the first one here."""

    def say(links: Mapping[str, str]) -> None:
        for name, link in links.items():
            write_line(f"{name}: {link}" if name else link)
        write_line("Ctrl-C ends it; all that was answered is saved.")
        sys.stdout.flush()
        if browser:
            webbrowser.open(next(iter(links.values())))

    return say
