"""Label Studio says that something changed: only a reason to look sooner.

It tries once, for a second, and says nothing when that failed, so that nothing depends on it.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import compare_digest

from thresher.core.errors import InputError

from .connection import Connection

HEADER = "x-thresher"


@contextmanager
def listening(connection: Connection, address: str, wake: threading.Event) -> Iterator[None]:
    """Have the project call an address of this machine, and set `wake` when it does.

    Parameters
    ----------
    connection : Connection
    address : str
        Host and port at which the server reaches this machine, such as ``127.0.0.1:9100``.
    wake : threading.Event

    Raises
    ------
    InputError
        When the address is not one, or is in use.
    ServerError
        When the server does not call such addresses; its message says what to do.
    """
    host, port = _parts(address)
    secret, server = secrets.token_urlsafe(16), connection.server
    try:
        listener = ThreadingHTTPServer((host, port), _answering(secret, wake))
    except OSError as error:
        raise InputError(f"Nothing can listen at {address} ({error}). Choose another.") from error
    url = f"http://{host}:{listener.server_address[1]}/webhook"
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    number = None
    try:
        for hook in server.webhooks(connection.project):
            if hook["url"] == url:  # of a process that was killed
                server.remove_webhook(hook["id"])
        number = server.add_webhook(connection.project, url, headers={HEADER: secret})
        yield
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
        if number is not None:
            server.remove_webhook(number)


def _parts(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) < 2**16):
        raise InputError(f"`listen` must be a host and a port, as 127.0.0.1:9100, got {address!r}.")
    return host, int(port)


def _answering(secret: str, wake: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        """Takes no more than the fact that it was called, by whoever knows the secret."""

        timeout = 5

        def do_POST(self) -> None:
            known = compare_digest(self.headers.get(HEADER, "").encode(), secret.encode())
            if known:
                wake.set()
            self.send_response(HTTPStatus.NO_CONTENT if known else HTTPStatus.FORBIDDEN)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    return Answering
