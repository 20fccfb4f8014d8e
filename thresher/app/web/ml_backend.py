"""Label Studio's protocol for models: ``/health``, ``/setup``, ``/predict``, ``/webhook``.

As `label_studio.ml.api_connector` of version 1.23 calls it, with its time limits: a second to
connect and for ``/health``, three for ``/setup``, a hundred for ``/predict``. No request trains.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ...core.errors import InputError
from .answering import ERRORS, read_body, refusal, text_of

if TYPE_CHECKING:
    from active_learning.adapters.label_studio.suggesting import Suggester

USER = "thresher"
# Tasks carry their texts, and images that lie in a file.
MOST_BYTES = 200_000_000


class Guard:
    """Lets in who knows the password, as Label Studio sends it (HTTP Basic); all without one."""

    def __init__(self, app: ASGIApp, *, password: str) -> None:
        self._app, self._wanted = app, f"{USER}:{password}".encode() if password else b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 to everybody else."""
        if scope["type"] == "http" and self._wanted and not self._knows(Request(scope)):
            answer = refusal(
                f"Choose Basic authentication, the user {USER!r} and the password of this server.",
                status=401,
            )
            answer.headers["www-authenticate"] = "Basic"
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _knows(self, request: Request) -> bool:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        try:
            said = base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            return False
        return kind.lower() == "basic" and secrets.compare_digest(said, self._wanted)


def make_backend(suggester: Suggester, *, password: str = "") -> Starlette:
    """Return the application.

    Parameters
    ----------
    suggester : Suggester
    password : str
        Of the user `USER`; whoever reaches the server is let in without one.
    """

    async def health(request: Request) -> Response:
        del request
        return JSONResponse({"status": "UP", "model_class": "Thresher"})

    async def setup(request: Request) -> Response:
        body = await read_body(request, most_bytes=MOST_BYTES)
        suggester.control_of(text_of(body, "schema"))
        return JSONResponse({"model_version": suggester.version})

    async def predict(request: Request) -> Response:
        body = await read_body(request, most_bytes=MOST_BYTES)
        return JSONResponse({"results": await run_in_threadpool(_suggested, suggester, body)})

    async def webhook(request: Request) -> Response:
        await read_body(request, most_bytes=MOST_BYTES)
        await run_in_threadpool(suggester.look)
        return JSONResponse({"status": "ok", "model_version": suggester.version})

    async def versions(request: Request) -> Response:
        del request
        return JSONResponse({"versions": [suggester.version]})

    return Starlette(
        routes=[
            Route("/", health, methods=["GET"]),
            Route("/health", health, methods=["GET"]),
            Route("/setup", setup, methods=["POST"]),
            Route("/predict", predict, methods=["POST"]),
            Route("/webhook", webhook, methods=["POST"]),
            Route("/train", webhook, methods=["POST"]),  # what older versions call
            Route("/versions", versions, methods=["GET"]),
        ],
        exception_handlers=ERRORS,
        middleware=[Middleware(Guard, password=password)],
    )


def _suggested(suggester: Suggester, body: dict[str, Any]) -> list[Any]:
    """Return what is suggested for each task: a list, empty for none.

    Someone who has a suggestion made while they label (`context`) gets one object a task.
    """
    tasks = body.get("tasks")
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise InputError(f"`tasks` must be a list of tasks, got {tasks!r:.80}.")
    control = suggester.control_of(text_of(body, "label_config"))
    found = suggester.suggest(tasks, control=control)
    if (body.get("params") or {}).get("context") is None:
        return found
    empty: dict[str, Any] = {"result": [], "score": None, "model_version": suggester.version}
    return [one[0] if one else empty for one in found]
