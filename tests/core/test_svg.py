"""Charts as text: axes, frames, and words that stay words."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from thresher.core.svg import Axis, Frame, line, points, text

FRAME = Frame(width=200, height=100, left=50, right=10, top=5, bottom=20)


def test_an_axis_maps_its_ends_and_what_lies_between() -> None:
    axis = Axis(10, 1000, 0, 100, logarithmic=True)
    assert [axis.at(value) for value in (10, 100, 1000)] == pytest.approx([0, 50, 100])
    assert axis.ticks() == pytest.approx([10, 20, 50, 100, 200, 500, 1000])
    plain = Axis(0, 4, 100, 20)
    assert [plain.at(value) for value in (0, 1, 4)] == [100, 80, 20]
    assert Axis(3, 3, 7, 9).at(3) == 7  # one value alone lies at the start


def test_a_frame_leaves_its_margins() -> None:
    x_axis, y_axis = FRAME.x_axis(0, 1), FRAME.y_axis(0, 1)
    assert (x_axis.at(0), x_axis.at(1)) == (50, 190)
    assert (y_axis.at(0), y_axis.at(1)) == (80, 5)
    across = ET.fromstring(FRAME.across(40, css="grid")).attrib
    assert [float(across[name]) for name in ("x1", "x2", "y1", "y2")] == [50, 190, 40, 40]
    upright = ET.fromstring(FRAME.upright(60, css="limit")).attrib
    assert [float(upright[name]) for name in ("x1", "x2", "y1", "y2")] == [60, 60, 5, 80]
    assert upright["class"] == "limit"


def test_words_are_escaped_and_places_have_one_decimal() -> None:
    made = ET.fromstring(text(1.25, 2, "<a & b>", anchor="end", css="axis"))
    assert made.text == "<a & b>"
    assert made.attrib == {"class": "axis", "x": "1.2", "y": "2.0", "text-anchor": "end"}
    assert points([(1, 2), (3.14159, 4)]) == "1.0,2.0 3.1,4.0"
    assert line(0, 1, 2, 3, css="a b") == '<line class="a b" x1="0.0" y1="1.0" x2="2.0" y2="3.0"/>'
