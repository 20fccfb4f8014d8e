"""All pages of a site as one Starlette application, behind the guard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from .answering import ERRORS, Endpoint
from .guard import Guard
from .media import media_routes
from .page import Page, Site
from .thumbnails import Renderer

STATIC = Path(__file__).parent / "static"
WORKERS = 40


def make_app(site: Site, *, token: str, names: Iterable[str] = ()) -> Starlette:
    """Return the application of a site.

    Parameters
    ----------
    site : Site
        Closed when the application ends.
    token : str
        Whoever sends it, in the link, gets the cookie without which nothing is answered.
    names : iterable of str
        Names under which the server may be called, beside localhost and addresses in numbers.
    """
    renderer = None if site.pictures is None else Renderer(site.pictures)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # By default too few: whoever answers waits for the disk, and nobody is to wait behind them.
        workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="asyncio")
        asyncio.get_running_loop().set_default_executor(workers)
        try:
            yield
        finally:
            if renderer is not None:
                renderer.close()
            await run_in_threadpool(site.close)

    routes: list[BaseRoute] = [
        Route("/", _first(site), methods=["GET"]),
        Route("/api/about", _about(site), methods=["GET"]),
        *(Route(f"/{page.name}", _shown(page), methods=["GET"]) for page in site.pages),
        *(Mount(f"/api/{page.name}", routes=list(page.routes)) for page in site.pages),
        *(media_routes(renderer) if renderer is not None else ()),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers=ERRORS,
        middleware=[Middleware(Guard, token=token, names=tuple(names))],
    )


def _first(site: Site) -> Endpoint:
    async def first(request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"/{site.pages[0].name}{query}", status_code=303)

    return first


def _shown(page: Page) -> Endpoint:
    async def shown(request: Request) -> Response:
        del request
        return FileResponse(STATIC / f"{page.name}.html", headers={"cache-control": "no-cache"})

    return shown


def _about(site: Site) -> Endpoint:
    content = {
        "title": site.title,
        "key": site.key,
        "pages": [{"name": page.name, "title": page.title} for page in site.pages],
        "pictures": site.pictures is not None,
        "annotators": list(site.annotators),
    }

    async def about(request: Request) -> Response:
        del request
        return JSONResponse(content)

    return about
