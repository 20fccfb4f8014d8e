"""What the commands that serve a page share: options, and the links that they print."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from ..terminal import write_line

Port = Annotated[int, typer.Option(help="Port; 0 for any free one.")]
Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(help="A further name under which the server may be called; repeatable."),
]
Token = Annotated[
    str | None,
    typer.Option(
        envvar="THRESHER_TOKEN",
        help="Key in the link, so that links outlive the server; default a new one each time.",
    ),
]
Browser = Annotated[
    bool, typer.Option("--browser/--no-browser", help="Open the link in a browser here.")
]


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
