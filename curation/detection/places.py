"""Boxes that cannot be right by their numbers alone."""

from __future__ import annotations

import numpy as np

from thresher.core.detection.detection_set import DetectionSet
from thresher.core.detection.splicing import number_text
from thresher.core.issues import Issues

# A box may stick out by rounding: a pixel, and one part in a hundred of its side.
SLACK, SLACK_SHARE = 1.0, 0.01
# Of an image with sides of at least so many pixels no object is smaller than 1.5 pixels.
SMALLEST_SIDE, UNIT = 16, 1.5


def find_misplaced_boxes(dataset: DetectionSet) -> Issues:
    """Find boxes without an area, outside of their image, in other units, or of no class.

    Each box has its gravest finding. What leaves nothing to learn from is called ``empty`` or
    ``not finite``, which the usual policy drops; the rest is to be looked at, with a better box
    where that is known (x1, y1, x2, y2).
    """
    boxes, limits = dataset.boxes, _limits(dataset)[dataset.image_of]
    known = (limits > 0).all(axis=1)
    size = boxes[:, 2:] - boxes[:, :2]
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(boxes).all(axis=1)
        shares = _in_shares(dataset, boxes, limits) & finite
        pixels = _in_pixels(dataset, boxes, limits) & finite
        away = known & ((boxes[:, 2:] <= 0).any(axis=1) | (boxes[:, :2] >= limits).any(axis=1))
        out = np.maximum(np.maximum(-boxes[:, :2], boxes[:, 2:] - limits), 0)
        slack = np.where(_relative(dataset)[:, None], 0.0, SLACK) + SLACK_SHARE * np.abs(size)
        sticks = known & (out > slack).any(axis=1)
        kinds = (
            (~finite, "not finite: a coordinate is no number", 0.0),
            ((size < 0).any(axis=1), "empty: a side of the box is negative", 0.0),
            ((size == 0).any(axis=1), "empty: the box has no area", 0.0),
            (shares, "the coordinates are shares of the image, those of other boxes pixels", 0.05),
            (pixels, "the coordinates are pixels, those of other boxes shares of the image", 0.05),
            (away, "empty: the box lies outside of the image", 0.0),
            (dataset.codes < 0, "the class is not in the list of classes", 0.1),
            (sticks, "the box reaches beyond the image", 0.2),
        )
    rows: dict[int, tuple[str, float, str | None]] = {}
    for chosen, said, score in kinds:
        for box in np.flatnonzero(chosen).tolist():
            if box not in rows:
                better = _better(said, boxes[box], limits[box])
                rows[box] = (said, score, better)
    ordered = sorted(rows)
    return Issues.concat(
        [
            Issues.from_columns(
                "quality",
                row_ids=dataset.box_ids[ordered].tolist(),
                scores=[rows[box][1] for box in ordered],
                suggested=[rows[box][2] for box in ordered],
                details=[rows[box][0] for box in ordered],
            )
        ]
    )


def _limits(dataset: DetectionSet) -> np.ndarray:
    """Return the greatest coordinates of each image, shape (n, 2); 0 where they are unknown."""
    limits = dataset.sizes.astype(np.float64)
    if _is_yolo(dataset):
        limits[(limits <= 0).any(axis=1)] = 1.0
    return limits


def _is_yolo(dataset: DetectionSet) -> bool:
    source = dataset.origin.source
    return source is not None and source.format == "yolo"


def _relative(dataset: DetectionSet) -> np.ndarray:
    """Tell which boxes are in shares, since the image's size is not known; shape (m,)."""
    unknown = np.asarray((dataset.sizes <= 0).any(axis=1))
    return np.asarray(unknown[dataset.image_of] & _is_yolo(dataset))


def _in_shares(dataset: DetectionSet, boxes: np.ndarray, limits: np.ndarray) -> np.ndarray:
    if _is_yolo(dataset):
        return np.zeros(len(boxes), bool)
    inside = (boxes >= 0).all(axis=1) & (boxes <= UNIT).all(axis=1)
    return np.asarray(inside & (limits >= SMALLEST_SIDE).all(axis=1))


def _in_pixels(dataset: DetectionSet, boxes: np.ndarray, limits: np.ndarray) -> np.ndarray:
    if not _is_yolo(dataset):
        return np.zeros(len(boxes), bool)
    given = boxes / np.tile(np.maximum(limits, 1e-9), 2)
    solid = (given[:, 2:] > given[:, :2]).all(axis=1)
    return np.asarray(solid & (given[:, 2:] > 2 * UNIT).all(axis=1))


def _better(said: str, box: np.ndarray, limit: np.ndarray) -> str | None:
    """Return what the box should be, where its numbers tell."""
    if "are shares" in said:
        return box_text(box * np.tile(limit, 2))
    if "are pixels" in said:
        return box_text(box / np.tile(limit, 2))
    if "reaches beyond" in said:
        return box_text(np.clip(box, 0, np.tile(limit, 2)))
    return None


def box_text(box: np.ndarray) -> str:
    """Return corners as text."""
    return " ".join(map(number_text, box.tolist()))
