"""``/media/NUMBER`` and ``/thumb/NUMBER``: images by row number, from nowhere but the row's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...core.images import UnreadableImage
from .answering import Endpoint, refusal
from .thumbnails import Rendered, Renderer

# The address holds the key of the data (``?v=``), so that the same address is the same image.
FOREVER = {"cache-control": "private, max-age=31536000, immutable"}


def media_routes(renderer: Renderer) -> list[Route]:
    """Return the two routes of a site with images."""
    return [
        Route("/media/{number:int}", _serving(renderer, renderer.whole), methods=["GET"]),
        Route("/thumb/{number:int}", _serving(renderer, renderer.thumb), methods=["GET"]),
    ]


def _serving(renderer: Renderer, render: Callable[[int], Rendered]) -> Endpoint:
    async def serve(request: Request) -> Response:
        number = request.path_params["number"]
        if not 0 <= number < len(renderer.pictures):
            return refusal(f"There is no row {number}.", status=404)
        try:
            made = await asyncio.get_running_loop().run_in_executor(renderer.pool, render, number)
        except UnreadableImage as error:
            name = renderer.pictures.name(number)
            return refusal(str(error), status=422, name=name, reason=error.reason)
        return Response(made.data, media_type=made.media_type, headers=FOREVER)

    return serve
