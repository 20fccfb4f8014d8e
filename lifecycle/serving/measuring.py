"""What a request costs the server beside the model: a server in a thread, and a client that asks.

The CPU time of the server's thread is read, not the time on the wall, so that neither the client
nor other programs count.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from thresher.core.signatures import checked

from .app import serving_app
from .bodies import JSON, RAW
from .options import ServingOptions
from .planning import MANY, ServingPlan, made_up_rows
from .running import bind, server_of
from .served_model import ServedModel

_SECONDS = 0.3
_WARM = 20


@checked
def measure_requests(
    path: str | os.PathLike[str], *, options: ServingOptions | None = None
) -> ServingPlan:
    """Serve the model here for a second and return its plan with what requests cost.

    Parameters
    ----------
    path : path-like
        What `load_served` takes.
    options : ServingOptions, optional

    Returns
    -------
    ServingPlan
        With ``more`` in CPU milliseconds: ``binary_row``, ``json_row`` and ``cached_row`` of one
        request with one row, ``binary_rows`` of a row in a request of 64.

    Examples
    --------
    >>> from lifecycle import measure_requests
    >>> from training import compact_model, export
    >>> model = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> written = export(model, "file", classes=["no", "yes"])
    >>> sorted(measure_requests("file").more)
    ['binary_row', 'binary_rows', 'cached_row', 'json_row']
    """
    options = options or ServingOptions()
    place = Path(path)
    rows = min(MANY, options.max_rows)
    quiet = replace(options, watch_s=0, cache_mb=max(1.0, options.cache_mb))
    with _served(place, replace(quiet, cache_mb=0)) as (ask, model, _):
        inputs = made_up_rows(model, rows)
        found = {
            "binary_row": ask([_request(inputs[:1].tobytes(), RAW)]),
            "json_row": ask([_request(_json(inputs[:1]), JSON)]),
            "binary_rows": ask([_request(inputs.tobytes(), RAW)]) / rows,
        }
    with _served(place, quiet) as (ask, _, plan):
        found["cached_row"] = ask([_request(inputs[:1].tobytes(), RAW)])
    return replace(plan, more={name: round(value, 4) for name, value in found.items()})


def _json(rows: np.ndarray) -> bytes:
    return json.dumps({"rows": rows.tolist()}).encode()


def _request(body: bytes, kind: str) -> bytes:
    head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def _served(path: Path, options: ServingOptions) -> Iterator[tuple[Any, ServedModel, ServingPlan]]:
    """Run a server in a thread; yield what asks it and returns CPU milliseconds a request."""
    app = serving_app(path, options=options, log=io.StringIO())
    service = app.state.service
    server, clock = server_of(app, options), {"id": time.CLOCK_PROCESS_CPUTIME_ID}
    with bind("127.0.0.1", 0) as sock:

        def run() -> None:
            if hasattr(time, "pthread_getcpuclockid"):
                clock["id"] = time.pthread_getcpuclockid(threading.get_ident())
            asyncio.run(server.serve(sockets=[sock]))

        thread = threading.Thread(target=run)
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.005)
            with socket.create_connection(sock.getsockname()) as client:
                ask = partial(_cost, client, clock["id"])
                yield ask, service.model, service.plan
        finally:
            server.should_exit = True
            thread.join()


def _cost(client: socket.socket, clock: int, requests: Sequence[bytes]) -> float:
    for at in range(_WARM):
        _ask(client, requests[at % len(requests)])
    began, until, asked = time.clock_gettime(clock), time.perf_counter() + _SECONDS, 0
    while time.perf_counter() < until:
        _ask(client, requests[asked % len(requests)])
        asked += 1
    return 1e3 * (time.clock_gettime(clock) - began) / asked


def _ask(client: socket.socket, request: bytes) -> None:
    client.sendall(request)
    got = client.recv(1 << 16)
    head, _, body = got.partition(b"\r\n\r\n")
    left = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]) - len(body)
    while left > 0:
        left -= len(client.recv(1 << 16))
