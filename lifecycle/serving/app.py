"""The server as an ASGI application: Starlette for the routes, and a bare one for the hot path."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from thresher.core.counted import counted
from thresher.core.errors import require
from thresher.core.signatures import checked

from .answering import Answerer, Answers
from .bodies import Rows, read_body
from .content_coding import unpacked
from .exporting import Exporter
from .options import MB, ServingOptions
from .refusal import ClientLeft, Refusal
from .replies import accepted_reply, refusal_reply, wants_all
from .request_log import RequestLog
from .service import Observer, Served, Service
from .swapping import SwapRefused

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

CLIENT_LEFT = 499  # no status of HTTP: nobody reads it; the word of nginx in its logs


@checked
def serving_app(
    path: str | os.PathLike[str],
    *,
    options: ServingOptions | None = None,
    log: TextIO | None = None,
    observers: Sequence[Observer] = (),
    exporters: Sequence[Exporter] = (),
) -> Starlette:
    """Make the server of an exported model, for uvicorn or any other ASGI server.

    Parameters
    ----------
    path : path-like
        What `load_served` takes.
    options : ServingOptions, optional
    log : text file, optional
        Receives one line of JSON for each request.
    observers : sequence of callable
        Each is told of every answered request.
    exporters : sequence of Exporter
        Each is told the numbers that ``/metrics`` shows, such as an `OtelExporter`.

    Returns
    -------
    Starlette
        With ``state.service``.

    Raises
    ------
    InputError
        When the model cannot be served.
    MissingExtraError
        Without ``thresher[serve]``.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import serving_app
    >>> from starlette.testclient import TestClient
    >>> from training import compact_model, export
    >>> model = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> written = export(model, "file", classes=["no", "yes"])
    >>> with TestClient(serving_app("file")) as client:
    ...     answer = client.post("/predict", json={"rows": [[0, 0, 0, 0], [1, 2, 3, 4]]})
    >>> answer.status_code, len(answer.json()["labels"])
    (200, 2)
    """
    require("onnxruntime", extra="serve")
    require("starlette", extra="serve")
    from starlette.applications import Starlette
    from starlette.routing import Route

    service = Service(
        Path(path),
        options or ServingOptions(),
        log=RequestLog(log),
        observers=observers,
        exporters=exporters,
    )

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    pages = _Pages(service)
    app = Starlette(
        routes=[
            Route("/predict", _Predict(service), methods=["POST"]),
            Route("/health", pages.health),
            Route("/ready", pages.ready),
            Route("/model", pages.model),
            Route("/metrics", pages.metrics),
            Route("/swap", pages.swap, methods=["POST"]),
        ],
        lifespan=life,
    )
    app.state.service = service
    return app


class _Predict:
    """``POST /predict``, without the layers that a single small route does not need."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._ids = itertools.count(1)
        self._start = f"{time.time_ns() // 1_000_000:x}"
        self._most = int(service.options.body_mb * MB)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        headers = dict(scope["headers"])
        own = f"{self._start}-{next(self._ids)}"
        name = headers.get(b"x-request-id", b"").decode("latin-1")[:64] or own
        # The model is taken once: a swap in between changes nothing for this request.
        answerer = self.service.answerer
        rows: Rows | None = None
        answers: Answers | None = None
        try:
            every = wants_all(scope["query_string"])
            rows, answers = await self._answered(answerer, headers, receive)
            status, head, body = accepted_reply(
                answers,
                answerer.model,
                accept=headers.get(b"accept", b""),
                every=every,
            )
        except Refusal as error:
            status, head, body = refusal_reply(error)
        except ClientLeft:
            self._note(began, CLIENT_LEFT, name, answerer, rows, answers)
            return
        except Exception as error:  # a fault of ours: worded for the client, named in the log
            self.service.log.write(event="fault", id=name, reason=repr(error)[:300])
            status, head, body = refusal_reply(Refusal(500, "The server failed; its log says how."))
        head.append((b"x-request-id", name.encode("latin-1")))
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": body})
        self._note(began, status, name, answerer, rows, answers)

    async def _answered(
        self, answerer: Answerer, headers: dict[bytes, bytes], receive: Receive
    ) -> tuple[Rows, Answers]:
        service = self.service
        seconds = _deadline(headers, service.options.deadline_s)
        deadline = asyncio.get_running_loop().time() + seconds
        sent = await _body(receive, headers, most=self._most, seconds=service.options.body_s)
        body = unpacked(sent, headers, most=self._most)
        model = answerer.model
        rows = read_body(
            body,
            headers,
            spec=model.input_spec,
            preprocessing=model.preprocessing,
            most_rows=service.options.max_rows,
        )
        return rows, await answerer.answer(
            rows, deadline=deadline, left=lambda: _until_left(receive)
        )

    def _note(
        self,
        began: float,
        status: int,
        name: str,
        answerer: Answerer,
        rows: Rows | None,
        answers: Answers | None,
    ) -> None:
        seconds = time.perf_counter() - began
        sources = {} if answers is None else answers.sources
        failed = 0 if answers is None else len(answers.errors)
        self.service.metrics.request(status, seconds, sources, failed)
        self.service.log.write(
            id=name,
            status=status,
            rows=0 if rows is None else rows.count,
            failed=failed,
            ms=round(1e3 * seconds, 3),
            model=answerer.model.digest[:12],
            sources={source: n for source, n in sources.items() if n},
        )
        if rows is not None and answers is not None:
            self.service.observe(lambda: Served(name, answerer.model, rows, answers, seconds))


def _deadline(headers: dict[bytes, bytes], most: float) -> float:
    asked = headers.get(b"x-deadline-ms")
    if asked is None:
        return most
    try:
        seconds = int(asked) / 1e3
    except ValueError:
        seconds = -1.0
    if seconds <= 0:
        shown = asked.decode("latin-1")[:40]
        raise Refusal(
            400, f"X-Deadline-Ms must be a whole number of milliseconds above 0, got {shown!r}."
        )
    return min(seconds, most)


async def _body(
    receive: Receive, headers: dict[bytes, bytes], *, most: int, seconds: float
) -> bytes:
    """Read the body, no more of it and no longer than is allowed."""
    said = headers.get(b"content-length", b"0")
    if said.isdigit() and int(said) > most:
        raise Refusal(
            413, f"The body has {counted(int(said), 'byte')}; at most {most:,} are taken."
        )
    # Most bodies are there whole; a timer for each would cost as much as hashing a row.
    part, more = await _part(receive)
    if not more and len(part) <= most:
        return part
    parts, size = [part], len(part)
    try:
        async with asyncio.timeout(seconds):
            while more:
                part, more = await _part(receive)
                parts.append(part)
                size += len(part)
                if size > most:
                    break
    except TimeoutError as error:
        raise Refusal(408, f"The body did not arrive within {seconds:g} s.") from error
    if size > most:
        raise Refusal(413, f"The body is larger than {counted(most, 'byte')}.")
    return b"".join(parts)


def _is_swap(asked: Any) -> bool:
    """Whether all entries are known to a swap: a misspelled one would do something else."""
    kinds = {"path": str, "force": bool}
    return isinstance(asked, dict) and all(
        name in kinds and isinstance(value, kinds[name]) for name, value in asked.items()
    )


async def _part(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientLeft
    return message.get("body", b""), message.get("more_body", False)


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _Pages:
    """The routes that few ask for."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def health(self, _: Request) -> Response:
        """Say that the process answers."""
        from starlette.responses import JSONResponse

        return JSONResponse({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        """Say whether requests should be sent here: not while stopping or with a full queue."""
        from starlette.responses import JSONResponse

        service = self.service
        full = service.batcher.under_way >= service.options.queue_rows
        why = "stopping" if service.stopping else "the queue is full" if full else None
        return JSONResponse({"ready": why is None, "reason": why}, 503 if why else 200)

    async def model(self, _: Request) -> Response:
        """Describe the model that serves and how."""
        from starlette.responses import JSONResponse

        service = self.service
        model = service.model
        return JSONResponse(
            {
                "model": model.digest,
                "kind": model.kind,
                "path": str(model.path),
                "classes": model.classes,
                "input": {"dtype": model.input_spec.dtype, "shape": list(model.input_spec.shape)},
                "preprocessing": model.preprocessing,
                "size_bytes": model.size_bytes,
                "plan": service.plan.to_json(),
                "near": service.near_said,
                "last_swap": service.last_swap,
            }
        )

    async def metrics(self, _: Request) -> Response:
        """Give the numbers to Prometheus."""
        from starlette.responses import Response

        shown = self.service.metrics.prometheus
        return Response(shown.text(), headers={"content-type": shown.content_type})

    async def swap(self, request: Request) -> Response:
        """Let another model take over, asked by whoever knows the token."""
        from starlette.responses import JSONResponse

        token = self.service.options.admin_token
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token is None:
            return JSONResponse({"error": "Swapping is off: no admin token was set."}, 404)
        if not hmac.compare_digest(given.encode(), token.encode()):
            return JSONResponse({"error": "The admin token is wrong."}, 401)
        try:
            asked: Any = await request.json() if await request.body() else {}
        except ValueError:
            asked = None
        if not _is_swap(asked):
            said = 'The body must be like {"path": "folder", "force": false}, or empty.'
            return JSONResponse({"error": said}, 400)
        path = Path(asked["path"]) if asked.get("path") else self.service.path
        try:
            parity = await self.service.swap(path, force=asked.get("force") is True)
        except SwapRefused as error:
            return JSONResponse({"error": str(error), "model": self.service.model.digest}, 409)
        return JSONResponse({"model": self.service.model.digest, **vars(parity)})
