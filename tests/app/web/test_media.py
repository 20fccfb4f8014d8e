"""Images of rows in a browser: every kind, whole or not, and never as a program."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import numpy as np
import pytest

pytest.importorskip("starlette", reason="needs thresher[web]")

from PIL import Image
from starlette.testclient import TestClient

from thresher.app.web import thumbnails
from thresher.app.web.application import make_app
from thresher.app.web.page import Site
from thresher.core.images import decode_image

from .conftest import HOST, TOKEN, encoded, png

NOISE = np.random.default_rng(0).integers(0, 255, (600, 400, 3)).astype(np.uint8)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
Open = Callable[..., TestClient]


@pytest.fixture
def opened(site: Callable[..., Site]) -> Iterator[Open]:
    clients: list[TestClient] = []

    def make(files: list[bytes], names: list[str] | None = None) -> TestClient:
        client = TestClient(make_app(site(files, names), token=TOKEN), base_url=HOST)
        client.__enter__()
        clients.append(client)
        client.get("/", params={"token": TOKEN})
        return client

    yield make
    for client in clients:
        client.__exit__()


def shown(client: TestClient, path: str) -> Image.Image:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    image = Image.open(io.BytesIO(answer.content))
    assert answer.headers["content-type"] == f"image/{str(image.format).lower()}"
    return image


def test_a_plain_file_is_served_as_it_is(opened: Open) -> None:
    data = encoded(NOISE, "JPEG", quality=90)
    answer = opened([data]).get("/media/0")
    assert answer.content == data
    assert "immutable" in answer.headers["cache-control"]
    assert "private" in answer.headers["cache-control"]


def test_a_thumbnail_is_small_and_of_the_same_picture(opened: Open) -> None:
    smooth = np.tile(np.linspace(0, 255, 800).astype(np.uint8)[None, :, None], (500, 1, 3))
    image = shown(opened([encoded(smooth, "PNG")]), "/thumb/0")
    assert image.size == (320, 200)
    wanted = np.linspace(0, 255, 320)[None, :, None]
    assert np.abs(np.asarray(image, dtype=float) - wanted).mean() < 3


def test_a_tiny_picture_keeps_every_pixel(opened: Open) -> None:
    tiny = NOISE[:8, :8]
    assert np.array_equal(np.asarray(shown(opened([encoded(tiny, "PNG")]), "/thumb/0")), tiny)


def test_a_picture_is_turned_as_its_exif_says(opened: Open) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "<script>alert(1)</script>"
    image = shown(opened([encoded(NOISE, "JPEG", exif=exif)]), "/thumb/0")
    assert image.size == (320, 213)


def test_cmyk_becomes_rgb(opened: Open) -> None:
    red = np.full((40, 40, 3), (250, 10, 10), np.uint8)
    client = opened([encoded(red, "JPEG", mode="CMYK")])
    for path in ("/media/0", "/thumb/0"):
        image = shown(client, path)
        assert image.mode == "RGB"
        assert np.asarray(image)[20, 20, 0] > 200


def test_an_animation_shows_its_first_frame(opened: Open) -> None:
    stream = io.BytesIO()
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue")]
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    client = opened([stream.getvalue()])
    for path in ("/media/0", "/thumb/0"):
        image = shown(client, path)
        assert getattr(image, "n_frames", 1) == 1
        assert tuple(np.asarray(image.convert("RGB"))[10, 10]) == (255, 0, 0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "zero bytes"),
        (b"no image at all", "not an image"),
        (encoded(NOISE, "JPEG")[:4000], "truncated"),
        (encoded(NOISE, "PNG")[:4000], "truncated"),
        (SVG, "a drawing (SVG), which may hold programs and is not shown"),
        (b'<?xml version="1.0"?>\n' + SVG, "a drawing (SVG), which may hold programs and is not"),
        (b"  \n<SVG/>", "a drawing (SVG), which may hold programs and is not shown"),
    ],
    ids=["empty", "text", "jpeg", "png", "svg", "xml", "upper"],
)
def test_what_is_no_whole_image_is_said_with_name_and_reason(
    opened: Open, data: bytes, reason: str
) -> None:
    hostile = '<script>alert("x")</script>.png'
    client = opened([data], [hostile])
    for path in ("/media/0", "/thumb/0"):
        answer = client.get(path)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["name"] == hostile
        assert answer.json()["reason"].startswith(reason)


def test_pictures_beyond_the_limits_are_not_decoded(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = bytearray(png())
    bomb[16:24] = (12_000).to_bytes(4, "big") + (9_000).to_bytes(4, "big")
    client = opened([bytes(bomb), encoded(NOISE, "BMP")])
    for path in ("/media/0", "/thumb/0"):
        assert client.get(path).json()["reason"] == "too large (12000 × 9000 pixels)"
    monkeypatch.setattr(thumbnails, "MOST_BYTES", 1000)
    assert client.get("/media/1").json()["reason"] == "too large (720,054 bytes)"


def test_a_large_picture_is_brought_to_what_a_screen_shows(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "WHOLE_SIDE", 300)
    assert shown(opened([encoded(NOISE, "JPEG")]), "/media/0").size == (200, 300)


@pytest.mark.parametrize("row", ["1", "-1", "99999999999999999999", "../../etc/passwd", "0x0", ""])
def test_only_numbers_of_rows_lead_to_files(opened: Open, row: str) -> None:
    client = opened([png()])
    for path in (f"/media/{row}", f"/thumb/{row.replace('.', '%2e').replace('/', '%2f')}"):
        assert client.get(path).status_code == 404


def test_thumbnails_are_kept_within_their_room(monkeypatch: pytest.MonkeyPatch) -> None:
    from .conftest import ListPictures

    monkeypatch.setattr(thumbnails, "KEPT_BYTES", 400)
    pictures = ListPictures([png(color=(number, 0, 0)) for number in range(20)])
    renderer = thumbnails.Renderer(pictures)
    try:
        made = [renderer.thumb(number) for number in range(20)]
        kept = renderer._kept
        assert sum(len(thumb.data) for thumb in kept.values()) <= 400
        assert 19 in kept
        assert renderer.thumb(19) is made[19]
        again = renderer.thumb(0)
        assert again == made[0]
        assert tuple(decode_image(again.data)[0, 0]) == (0, 0, 0)
    finally:
        renderer.close()


def test_a_file_that_went_away_is_said(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    from .conftest import ListPictures

    def gone(self: ListPictures, number: int) -> bytes:
        raise FileNotFoundError(2, "No such file or directory", "/secret/place.png")

    monkeypatch.setattr(ListPictures, "data", gone)
    answer = opened([png()]).get("/thumb/0").json()
    assert answer["reason"] == "No such file or directory"
    assert "secret" not in str(answer)
