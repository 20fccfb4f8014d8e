"""Two servers behind one door: a canary's share of the users gets the candidate, and loses nothing.

A request that the candidate fails on is answered by the old model, so that trying a candidate costs
its users time at most. Only ``/predict`` is shared out; all else goes to the old server.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from thresher.core.errors import StorageError, require
from thresher.core.signatures import checked

from .canary import Canary

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import Message, Receive, Scope, Send

FAILED = 500  # and every status above


@checked
def canary_app(
    old: Starlette, new: Starlette, *, canary: Canary, user_header: str = "x-user-id"
) -> Starlette:
    """Make one ASGI application of two, for uvicorn or any other server.

    Parameters
    ----------
    old, new : Starlette
        Of `serving_app`: the model that serves, and the candidate.
    canary : Canary
        Says who gets which, and is told how it went.
    user_header : str
        Header with the user's id. A request without it goes to the old model.

    Returns
    -------
    Starlette
        With ``state.unrecorded``: requests that the canary could not store (a full disk); they
        are answered all the same.

    Raises
    ------
    MissingExtraError
        Without ``thresher[serve]``.

    Examples
    --------
    >>> from lifecycle import Canary, canary_app
    >>> from starlette.applications import Starlette
    >>> from starlette.responses import PlainTextResponse
    >>> from starlette.routing import Route
    >>> from starlette.testclient import TestClient
    >>> def server(word):
    ...     return Starlette(routes=[Route("/predict", lambda _: PlainTextResponse(word))])
    >>> canary = Canary(key="sixteen letters!", shares=[0.5])
    >>> with TestClient(canary_app(server("old"), server("new"), canary=canary)) as client:
    ...     [client.get("/predict", headers={"x-user-id": who}).text for who in ("ann", "dan")]
    ['old', 'new']
    """
    require("starlette", extra="serve")
    from starlette.applications import Starlette
    from starlette.routing import Mount

    @asynccontextmanager
    async def life(_: Any) -> AsyncIterator[None]:
        async with old.router.lifespan_context(old), new.router.lifespan_context(new):
            yield

    app = Starlette(lifespan=life)
    app.state.unrecorded = 0
    door = _Door(old, new, canary, user_header.lower().encode("latin-1"), app.state)
    app.router.routes.append(Mount("/", app=door))
    return app


class _Door:
    def __init__(
        self, old: Starlette, new: Starlette, canary: Canary, header: bytes, state: Any
    ) -> None:
        self.old, self.new, self.canary, self.header = old, new, canary, header
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/predict"):
            await self.old(scope, receive, send)
            return
        user = dict(scope["headers"]).get(self.header, b"").decode("latin-1")
        if user and self.canary.takes(user):
            await self._candidate(scope, receive, send)
        else:
            await self._old(scope, receive, send)

    async def _old(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, statuses = time.perf_counter(), list[int]()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            await send(message)

        try:
            await self.old(scope, receive, noted)
        finally:
            # Without a status the client has left, or the server failed before it answered.
            if statuses:
                self._observe(new=False, failed=statuses[0] >= FAILED, began=began)

    async def _candidate(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the candidate answer; keep the request, so that the old model can if it fails."""
        kept: list[Message] = []

        async def remembered() -> Message:
            message = await receive()
            kept.append(message)
            return message

        began = time.perf_counter()
        said: list[Message] = []

        async def held(message: Message) -> None:
            said.append(message)

        try:
            await self.new(dict(scope), remembered, held)
        except Exception:  # whatever the candidate raises, the old model answers
            said.clear()
        if any(message["type"] == "http.disconnect" for message in kept):
            return
        failed = not said or said[0]["status"] >= FAILED
        self._observe(new=True, failed=failed, began=began)
        if not failed:
            for message in said:
                await send(message)
            return
        waiting = iter(kept)

        async def again() -> Message:
            message = next(waiting, None)
            return await receive() if message is None else message

        await self._old(scope, again, send)

    def _observe(self, *, new: bool, failed: bool, began: float) -> None:
        try:
            self.canary.observe(new=new, failed=failed, seconds=time.perf_counter() - began)
        except StorageError:
            self.state.unrecorded += 1
