"""Outlines of objects: polygons or runs of pixels, in one form whatever file they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..counted import counted
from ..errors import InputError
from .rle import Rle, encode_polygon, join_masks, rle_of

# Polygons of one object, each of shape (k, 2), x and y in pixels; or a mask's runs.
Segment = list[np.ndarray] | Rle


def segment_of(value: Any, *, what: str) -> Segment | None:
    """Read a ``segmentation`` of COCO; None where there is none.

    Raises
    ------
    InputError
        For one that is neither polygons of at least three corners nor runs.
    """
    try:
        if isinstance(value, dict):
            height, width = (int(number) for number in value["size"])
            return rle_of(value["counts"], (height, width))
        return [_corners(part) for part in value or ()] or None
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"The segmentation of {what} is neither polygons nor runs ({error})."
        ) from error


def _corners(part: Any) -> np.ndarray:
    corners = np.asarray(part, dtype=np.float64)
    if corners.ndim != 1 or len(corners) % 2 or len(corners) < 6:
        raise InputError(
            f"a polygon needs at least three corners x, y, got {counted(len(corners), 'number')}"
        )
    if not np.isfinite(corners).all():
        raise InputError("a polygon has a corner that is not finite")
    return corners.reshape(-1, 2)


def mask_of(segment: Segment, *, size: tuple[int, int]) -> np.ndarray:
    """Return the mask of an object, ndarray of bool, shape (height, width)."""
    return runs_of(segment, size=size).to_mask()


def runs_of(segment: Segment, *, size: tuple[int, int]) -> Rle:
    """Return the runs of an object in an image of `size` (height, width)."""
    if isinstance(segment, Rle):
        return segment
    return join_masks([encode_polygon(part, size=size) for part in segment])


def bounds_of(polygons: Sequence[np.ndarray]) -> np.ndarray:
    """Return the corners x1, y1, x2, y2 of the smallest box around polygons."""
    points = np.concatenate(polygons)
    return np.concatenate([points.min(axis=0), points.max(axis=0)])
