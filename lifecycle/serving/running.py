"""Running the server with uvicorn: sockets, time limits of connections, and a graceful end."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TextIO

from thresher.core.errors import InputError, check_count, check_number, require
from thresher.core.signatures import checked

from .app import serving_app
from .exporting import Exporter
from .options import ServingOptions
from .service import Observer, Service


@checked
def serve(
    path: str | os.PathLike[str],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    options: ServingOptions | None = None,
    log: TextIO | None = None,
    observers: Sequence[Observer] = (),
    exporters: Sequence[Exporter] = (),
    grace_s: float = 30.0,
    ready: Callable[[str, Service], None] | None = None,
) -> None:
    """Serve an exported model until the process is told to stop (SIGINT or SIGTERM).

    Requests that are under way then are answered, for at most `grace_s` seconds; no new ones are
    taken.

    Parameters
    ----------
    path : path-like
        What `load_served` takes.
    host : str
        ``"127.0.0.1"`` is reached from this machine alone.
    port : int
        0 takes a free one.
    options : ServingOptions, optional
    log : text file, optional
        Receives one line of JSON for each request.
    observers : sequence of callable
    exporters : sequence of Exporter
        As in `serving_app`.
    grace_s : float
    ready : callable, optional
        Is given the address and the service once requests are taken.

    Raises
    ------
    InputError
        When the model cannot be served or the port is taken.
    MissingExtraError
        Without ``thresher[serve]``.

    Examples
    --------
    >>> import os, signal
    >>> from lifecycle import serve
    >>> from training import compact_model, export
    >>> model = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> written = export(model, "file", classes=["no", "yes"])
    >>> def ready(address, service):
    ...     print(address.startswith("http://127.0.0.1:"), len(service.model.classes))
    ...     os.kill(os.getpid(), signal.SIGINT)
    >>> serve("file", port=0, ready=ready)
    True 2
    """
    require("uvicorn", extra="serve")
    check_count("port", port, low=0, high=65535)
    check_number("grace_s", grace_s, low=0, high=1e6)
    chosen = options or ServingOptions()
    app = serving_app(path, options=chosen, log=log, observers=observers, exporters=exporters)
    sock = bind(host, port)
    with sock:
        server = server_of(app, chosen, grace_s=grace_s)
        said = partial(ready, _address(sock), app.state.service) if ready else None
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(_run(server, sock, said))


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises
    ------
    InputError
        When the port is taken or the address is none of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        family, kind, protocol, _, address = found[0]
        # The protocol is named, or asyncio would not turn off Nagle's algorithm: 40 ms an answer.
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(address)
        except OSError:
            sock.close()
            raise
    except OSError as error:
        raise InputError(
            f"The server cannot listen on {host}:{port} ({error.strerror}). Name another port with "
            "--port, 0 takes a free one, or another address of this machine with --host."
        ) from error
    return sock


def server_of(app: Any, options: ServingOptions, *, grace_s: float = 30.0) -> Any:
    """Return uvicorn's server for an application, not yet started."""
    uvicorn: Any = require("uvicorn", extra="serve")
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=patient_protocol(options.body_s),
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_graceful_shutdown=math.ceil(grace_s),
        )
    )


def _address(sock: socket.socket) -> str:
    host, port, *_ = sock.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _run(server: Any, sock: socket.socket, said: Callable[[], None] | None) -> None:
    """Run to the end; signals that were caught are not raised again, as uvicorn would."""
    config = server.config
    config.load()
    server.lifespan = config.lifespan_class(config)
    caught = (signal.SIGINT, signal.SIGTERM)
    ours = threading.current_thread() is threading.main_thread()
    old = {name: signal.signal(name, server.handle_exit) for name in caught if ours}
    try:
        await server.startup(sockets=[sock])
        if said is not None:
            asyncio.get_running_loop().call_soon(said)
        with _loaded_set_aside():
            await server.main_loop()
        await server.shutdown(sockets=[sock])
    finally:
        for name, handler in old.items():
            signal.signal(name, handler)


@contextmanager
def _loaded_set_aside() -> Iterator[None]:
    """Let the garbage collector pass over what was loaded before the first request.

    A full collection looks at all objects of all libraries, for as long as fifty requests take, and
    whoever asks meanwhile waits.
    """
    if gc.get_freeze_count():  # somebody has decided already
        yield
        return
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class JoinedWrites:
    """A transport that sends what is written in one turn of the loop at once.

    uvicorn writes the head of an answer and its body one after the other; sent together they take
    one call of the system instead of two, and wake the client once.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send `data` at the end of this turn."""
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(data)

    def close(self) -> None:
        """Send what is left, then close."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._parts:
            data, self._parts = b"".join(self._parts), []
            self._transport.write(data)


def patient_protocol(seconds: float) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with a limit on how long a request may take to arrive.

    uvicorn limits the time between requests, not that within one: a client that sends a byte now
    and then would hold its connection for ever. Connections are looked at every `seconds`; one is
    closed after one and a half to two and a half times that, since a body that began to come gets
    408 before.
    """
    impl: Any = require("uvicorn.protocols.http.httptools_impl", extra="serve")

    class Patient(impl.HttpToolsProtocol):  # type: ignore[misc]
        _since: float | None
        _look: asyncio.TimerHandle

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(JoinedWrites(transport, self.loop))
            self._since = self.loop.time()
            self._look = self.loop.call_later(seconds, self._check)

        def connection_lost(self, exc: Exception | None) -> None:
            self._look.cancel()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            self._since = self.loop.time()
            super().on_message_begin()

        def on_message_complete(self) -> None:
            self._since = None
            super().on_message_complete()

        def _check(self) -> None:
            if self._since is not None and self.loop.time() - self._since >= 1.5 * seconds:
                self.transport.close()
            else:
                self._look = self.loop.call_later(seconds, self._check)

    return Patient
