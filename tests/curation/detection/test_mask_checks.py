from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation import find_mask_issues
from curation.detection.masks import boundary_overlap, drawn
from thresher.core import DetectionSet, load_detection_set
from thresher.core.detection.rle import encode_mask
from thresher.core.detection.segments import segment_of
from thresher.core.errors import InputError

SIDE = 120
Shape = list[list[float]] | dict[str, Any]
SQUARE: Shape = [[20, 20, 80, 20, 80, 80, 20, 80]]


def coco(folder: Path, shapes: list[Shape], *, name: str = "set", **entry: Any) -> DetectionSet:
    boxes = [entry.get("bbox", [20, 20, 60, 60])] * len(shapes)
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": SIDE, "height": SIDE}],
        "annotations": [{"id": at, "image_id": 1, "category_id": 1, "bbox": box,
                         "segmentation": shape} | entry
                        for at, (shape, box) in enumerate(zip(shapes, boxes, strict=True))],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }  # fmt: skip
    (folder / f"{name}.json").write_text(json.dumps(content))
    return load_detection_set(folder / f"{name}.json")


def runs(mask: np.ndarray) -> dict[str, Any]:
    return {"counts": encode_mask(mask).to_text(), "size": list(mask.shape)}


def square() -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[20:80, 20:80] = True
    return mask


def said(dataset: DetectionSet, **options: Any) -> list[str]:
    return [issue.detail or "" for issue in find_mask_issues(dataset, **options)]


@pytest.mark.parametrize("shape", [SQUARE, runs(square())], ids=["polygons", "runs"])
def test_sound_outlines_have_no_finding(tmp_path: Path, shape: Shape) -> None:
    assert said(coco(tmp_path, [shape])) == []


def test_islands_and_holes(tmp_path: Path) -> None:
    island, hole, large = square(), square(), square()
    island[100:102, 20:22] = True
    hole[40:42, 40:42] = False
    hole[50:52, 50:52] = False
    large[40:60, 40:60] = False  # a ring may be one
    shapes = [runs(mask) for mask in (island, hole, large)]
    polygons: Shape = [*SQUARE, [100, 20, 102, 20, 102, 22, 100, 22]]
    found = find_mask_issues(coco(tmp_path, [*shapes, polygons], bbox=[20, 20, 60, 60]))
    told = {one.row_id: one.detail for one in found}
    assert told["1#1"] == "2 tiny holes of less than 1 % of the object"
    assert "1#2" not in told
    assert "1 tiny island" in told["1#3"] or "the outline spans" in told["1#3"]
    assert {"1#0", "1#1", "1#3"} == set(told)


def test_islands_alone(tmp_path: Path) -> None:
    island = square()
    island[60:65, 60:90] = False
    island[62, 70] = True
    assert said(coco(tmp_path, [runs(island)])) == ["1 tiny island of less than 1 % of the object"]


def test_an_outline_beside_its_box(tmp_path: Path) -> None:
    assert said(coco(tmp_path, [SQUARE], bbox=[20, 20, 60, 30])) == [
        "the outline spans 20 20 80 80, and the box overlaps that by 50 %"
    ]


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ([[1, 2, 3, 4]], "unreadable outline: "),
        ({"counts": [5, 5], "size": [4, 4]}, "unreadable outline: "),
        ({"counts": [SIDE * SIDE], "size": [SIDE, SIDE]}, "empty: the outline holds no pixel"),
    ],
)
def test_damaged_outlines(tmp_path: Path, shape: Shape, text: str) -> None:
    (found,) = said(coco(tmp_path, [shape]))
    assert found.startswith(text)


def test_a_crowd_with_polygons(tmp_path: Path) -> None:
    assert said(coco(tmp_path, [SQUARE], iscrowd=1)) == [
        "a crowd has polygons, which COCO keeps for single objects"
    ]


def test_boxes_without_an_outline_are_left_out(tmp_path: Path) -> None:
    assert said(coco(tmp_path, [[]])) == []


def test_a_second_opinion(tmp_path: Path) -> None:
    ragged = square()
    ragged[20:80:2, 20:32] = False
    ragged[20:80:2, 68:80] = False
    ragged[20:32, 20:80:2] = False
    ragged[68:80, 20:80:2] = False
    mine = coco(tmp_path, [SQUARE])
    assert said(mine, other=coco(tmp_path, [runs(square())], name="same")) == []
    (found,) = find_mask_issues(mine, other=coco(tmp_path, [runs(ragged)], name="ragged"))
    assert "draws the outline otherwise" in (found.detail or "")
    (swapped,) = find_mask_issues(mine, other=coco(tmp_path, [SQUARE], name="dog", category_id=2))
    assert (swapped.check, swapped.suggested) == ("label", "dog")
    far = coco(tmp_path, [[[90, 90, 110, 90, 110, 110]]], name="far", bbox=[90, 90, 20, 20])
    assert said(mine, other=far) == []
    strange = load_detection_set(tmp_path / "set.json").keep(
        images=np.zeros(1, bool), boxes=np.zeros(1, bool)
    )
    with pytest.raises(InputError, match="none of the images"):
        find_mask_issues(mine, other=strange)


def test_boundary_overlap_counts_the_bands() -> None:
    first, second = np.zeros((30, 30), bool), np.zeros((30, 30), bool)
    first[5:25, 5:25], second[5:25, 5:24] = True, True
    assert boundary_overlap(first, first, width=2) == 1.0
    band = [first.copy(), second.copy()]
    band[0][7:23, 7:23], band[1][7:23, 7:22] = False, False
    expected = (band[0] & band[1]).sum() / (band[0] | band[1]).sum()
    assert boundary_overlap(first, second, width=2) == pytest.approx(expected)
    assert boundary_overlap(np.zeros((4, 4), bool), np.zeros((4, 4), bool), width=1) == 1.0


def test_polygons_are_drawn_where_they_lie() -> None:
    segment = segment_of(SQUARE, what="a square")
    assert segment is not None
    piece = drawn(segment)
    rows, columns = np.nonzero(piece.mask)
    assert (rows.min() + piece.top, columns.min() + piece.left) == (20, 20)
    assert abs(int(piece.mask.sum()) - 3600) <= 130
