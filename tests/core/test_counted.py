"""Numbers of things in words."""

from __future__ import annotations

from thresher.core.counted import counted


def test_one_and_several() -> None:
    assert counted(1, "row") == "1 row"
    assert counted(0, "row") == "0 rows"
    assert counted(1200, "image") == "1,200 images"
    assert counted(1, "class", "classes") == "1 class"
    assert counted(2, "row differs", "rows differ") == "2 rows differ"
