"""A small site with images, and a browser that has followed its link."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("starlette", reason="needs thresher[web]")
pytest.importorskip("httpx", reason="needs httpx")

import numpy as np
from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from thresher.app.web.answering import read_body
from thresher.app.web.application import make_app
from thresher.app.web.page import Page, Site
from thresher.core.errors import InputError

TOKEN = "token-of-the-tests"
HOST = "http://127.0.0.1:8765"


def png(width: int = 6, height: int = 4, color: tuple[int, int, int] = (200, 30, 30)) -> bytes:
    return encoded(np.full((height, width, 3), color, np.uint8), "PNG")


def encoded(pixels: np.ndarray, kind: str, mode: str | None = None, **options: Any) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(stream, kind, **options)
    return stream.getvalue()


class ListPictures:
    """Images from a list of bytes."""

    def __init__(self, files: list[bytes], names: list[str] | None = None) -> None:
        self.files = files
        self.names = names or [f"{number}.png" for number in range(len(files))]

    def __len__(self) -> int:
        return len(self.files)

    def name(self, number: int) -> str:
        return self.names[number]

    def data(self, number: int) -> bytes:
        return self.files[number]


async def _echo(request: Request) -> Response:
    body = await read_body(request, most_bytes=1000)
    if "wrong" in body:
        raise InputError("`wrong` is wrong. Leave it out.")
    if "bug" in body:
        raise ZeroDivisionError("inside")
    return JSONResponse(body)


@pytest.fixture
def site() -> Callable[..., Site]:
    def make(files: list[bytes] | None = None, names: list[str] | None = None) -> Site:
        page = Page("echo", "Echo", [Route("/echo", _echo, methods=["POST"])])
        pictures = ListPictures(files if files is not None else [png()], names)
        return Site("a folder", "k1", [page], pictures, close=lambda: None)

    return make


@pytest.fixture
def stranger(site: Callable[..., Site]) -> Iterator[TestClient]:
    """A client that has not followed the link."""
    app = make_app(site(), token=TOKEN)
    with TestClient(app, base_url=HOST, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def friend(stranger: TestClient) -> TestClient:
    stranger.get("/", params={"token": TOKEN})
    return stranger


BROWSERS = (("chromium", "chromedriver"), ("google-chrome", "chromedriver"))
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Headless Chromium, started once; tests set its size and colors themselves."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    found = [(shutil.which(one), shutil.which(other)) for one, other in BROWSERS]
    program, driver_program = next((pair for pair in found if all(pair)), (None, None))
    if program is None or driver_program is None:
        pytest.skip("needs a browser: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, "--window-size=1280,800"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=driver_program)
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_script_timeout(60)
    yield driver
    driver.quit()
