"""Runs of masks against pycocotools, which wrote ``pycocotools_masks.json``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from thresher.core.detection.rle import encode_mask, encode_polygon, join_masks, rle_of
from thresher.core.detection.segments import mask_of, segment_of
from thresher.core.errors import InputError

CASES = json.loads(Path(__file__).with_name("pycocotools_masks.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_polygons_and_runs_equal_those_of_pycocotools(case: dict) -> None:
    size = tuple(case["size"])
    drawn = encode_polygon(np.reshape(case["polygon"], (-1, 2)), size=size)
    read = rle_of(case["counts"], size)
    assert drawn.to_text() == read.to_text() == case["counts"]
    assert drawn.area == case["area"]
    assert read.to_mask().sum(axis=0).tolist() == case["columns"]
    assert encode_mask(read.to_mask()).to_text() == case["counts"]


def test_masks_of_any_shape_come_back() -> None:
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (1, 9), (7, 1), (5, 6)):
        for share in (0.0, 0.3, 1.0):
            mask = rng.random(shape) < share
            runs = encode_mask(mask)
            assert np.array_equal(rle_of(runs.to_text(), shape).to_mask(), mask)
            assert np.array_equal(rle_of(runs.counts.tolist(), shape).to_mask(), mask)


def test_parts_of_one_object_are_joined() -> None:
    first, second = np.zeros((4, 5), bool), np.zeros((4, 5), bool)
    first[1:3, 1:3], second[2:, 2:] = True, True
    joined = join_masks([encode_mask(first), encode_mask(second)])
    assert np.array_equal(joined.to_mask(), first | second)
    corners = [[0, 0, 2, 0, 2, 2, 0, 2], [3, 1, 5, 1, 5, 4, 3, 4]]
    segment = segment_of(corners, what="annotation 1")
    assert segment is not None
    assert mask_of(segment, size=(4, 5)).sum() == 2 * 2 + 2 * 3


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"counts": [5, 5], "size": [4, 4]}, "for 10 pixels"),
        ({"counts": [20, -4], "size": [4, 4]}, "whole numbers"),
        ({"counts": "é", "size": [4, 4]}, "the character"),
        ({"counts": "P", "size": [4, 4]}, "cut off"),
        ({"counts": [16]}, "neither polygons nor runs"),
        ([[1, 2, 3, 4]], "at least three corners"),
        ([[1, 2, 3, 4, 5, 6, 7]], "at least three corners"),
        ([[1, 2, 3, 4, 5, float("nan")]], "not finite"),
        ([["a", 2, 3, 4, 5, 6]], "neither polygons nor runs"),
        ("polygon", "neither polygons nor runs"),
    ],
)
def test_damaged_outlines_are_named(value: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        segment_of(value, what="annotation 7")


def test_no_outline() -> None:
    assert segment_of([], what="annotation 7") is None
    assert segment_of(None, what="annotation 7") is None
