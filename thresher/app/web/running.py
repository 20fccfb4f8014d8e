"""Run the application on this machine until it is stopped."""

from __future__ import annotations

import errno
import secrets
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import uvicorn
from starlette.types import ASGIApp

from ...core.errors import InputError

LEAST_TOKEN = 16


@dataclass(frozen=True)
class Place:
    """Where to listen: an address of this machine, a port (0 for any free one), and the token."""

    host: str = "127.0.0.1"
    port: int = 8765
    token: str = ""

    def with_token(self) -> Place:
        """Return the place with a random token where none was given."""
        if self.token and len(self.token) < LEAST_TOKEN:
            raise InputError(
                f"`--token` must have {LEAST_TOKEN} characters or more, got {len(self.token)}. "
                "Leave it out for a random one."
            )
        return Place(self.host, self.port, self.token or secrets.token_urlsafe(24))


def bound(place: Place) -> socket.socket:
    """Return a socket that listens there; a port in use is an error that says so."""
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((place.host, place.port))
        listening.listen(128)  # before the link is shown
    except (OSError, OverflowError) as error:
        listening.close()
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        what = "is in use" if taken else f"cannot be used ({error})"
        raise InputError(
            f"Port {place.port} of {place.host} {what}. Choose another with --port, or --port 0 "
            "for any free one."
        ) from error
    return listening


def link(place: Place, port: int, *, annotator: str = "") -> str:
    """Return the link that lets a browser in."""
    host = _own_address(place.host)
    host = f"[{host}]" if ":" in host else host
    query = {"token": place.token} | ({"as": annotator} if annotator else {})
    return f"http://{host}:{port}/?{urlencode(query)}"


def _own_address(host: str) -> str:
    """Return an address of this machine for "all addresses", and others as they are."""
    if host not in ("0.0.0.0", "::"):
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:  # picks the way out; nothing is sent
            probe.connect(("10.255.255.255", 1))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def serve(
    app: ASGIApp,
    place: Place,
    *,
    annotators: Sequence[str],
    say: Callable[[Mapping[str, str]], object],
    stop: threading.Event | None,
) -> None:
    """Answer until interrupted or stopped; the application is closed in either case.

    Parameters
    ----------
    app : ASGI application
    place : Place
        With its token.
    annotators : sequence of str
        Each gets a link of their own.
    say : callable
        Takes the links by name, once the server listens.
    stop : threading.Event or None
    """
    with bound(place) as listening:
        port = int(listening.getsockname()[1])
        say({name: link(place, port, annotator=name) for name in annotators or ("",)})
        run(app, listening, stop=stop)


def run(app: ASGIApp, listening: socket.socket, *, stop: threading.Event | None) -> None:
    """Answer at a socket until interrupted or stopped."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=5,
        ws="none",
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    if stop is not None:
        threading.Thread(target=_end, args=(server, stop), daemon=True).start()
    server.run(sockets=[listening])


def _end(server: uvicorn.Server, stop: threading.Event) -> None:
    stop.wait()
    server.should_exit = True
