"""Charts and pictures of the report."""

from __future__ import annotations

import base64
import io
import re

import cv2
import numpy as np
import PIL.Image
import pytest

from thresher.app.pages.charts import line_chart
from thresher.app.pages.gallery import thumbnail
from thresher.core.svg import Axis


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (1, 24, [5, 10, 15, 20]),
        (0.48, 0.84, [0.5, 0.6, 0.7, 0.8]),
        (3, 3, [3]),
        (-0.2, 0.21, [-0.2, -0.1, 0, 0.1, 0.2]),
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, expected: list[float]) -> None:
    np.testing.assert_allclose(Axis(low, high, 0, 100).ticks(5), expected, atol=1e-12)


def test_a_chart_escapes_names_and_keeps_points_inside() -> None:
    chart = line_chart({"<b>": [(1, 0.2), (2, 0.9)]}, title="a & b", x_label="epoch")
    assert "&lt;b&gt;" in chart
    assert "a &amp; b" in chart
    assert line_chart({"none": []}, title="t", x_label="x") == ""


def test_thumbnails_are_small_and_damage_gives_none() -> None:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (800, 400, 3), dtype=np.uint8)
    PIL.Image.fromarray(noise).save(buffer, "PNG")
    shown = thumbnail({"bytes": buffer.getvalue()})
    picture = PIL.Image.open(io.BytesIO(base64.b64decode(shown.partition(",")[2])))
    assert picture.size == (80, 160)  # large enough to judge by
    assert len(shown) < 11_000
    tiny = cv2.imencode(".png", noise[:32, :16])[1].tobytes()
    shown = thumbnail({"bytes": tiny})
    assert shown.startswith("data:image/png")  # which the page shows pixel by pixel
    picture = PIL.Image.open(io.BytesIO(base64.b64decode(shown.partition(",")[2])))
    assert picture.size == (16, 32)
    assert len(shown) < 6000
    assert thumbnail({"bytes": b"damaged"}) == ""


def test_numbers_beside_a_chart_can_be_read() -> None:
    def numbers(*values: float) -> list[str]:
        line = list(enumerate(map(float, values)))
        drawn = line_chart({"rows": line}, title="Rows a day", x_label="Days")
        return re.findall(r'text-anchor="end">([^<]+)<', drawn)

    assert numbers(20_000, 60_000) == ["20,000", "40,000", "60,000"]
    assert numbers(403) == ["400", "420"]  # one day alone
