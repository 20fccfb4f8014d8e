"""Boxes of an unusual size for their class, and images with unusually many."""

from __future__ import annotations

import numpy as np

from thresher.core.counted import counted
from thresher.core.detection.detection_set import DetectionSet
from thresher.core.issues import Issues

from ..quality.fences import fences
from .overlaps import areas

# In interquartile ranges of logarithms; a normal distribution has one in 10⁸ beyond.
REACH = 4.0
LEAST_SPREAD = 0.35  # as a logarithm a factor of 1.4


def find_unusual_boxes(dataset: DetectionSet) -> Issues:
    """Find boxes and images that lie far from the bulk of their class, at least 20 strong.

    Judged are a box's size against its image, its shape, and the number of boxes of a class in an
    image, the first two as logarithms, the third by its root, which evens out counts.
    """
    boxes, size = dataset.boxes, dataset.sizes[dataset.image_of].astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        sound = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        whole = np.where((size > 0).all(axis=1), np.prod(size, axis=1), 1.0)
        large = np.where(sound, np.log(areas(boxes) / whole) / 2, np.nan)
        sides = boxes[:, 2:] - boxes[:, :2]
        wide = np.where(sound, np.log(sides[:, 0] / sides[:, 1]), np.nan)
    rows: dict[str, tuple[float, str]] = {}
    for code, name in enumerate(dataset.classes):
        mine = np.flatnonzero((dataset.codes == code) & ~dataset.crowd)
        for values, less, more in ((large, "small", "large"), (wide, "narrow", "wide")):
            for at, far in _beyond(values[mine]):
                said = f"unusually {more if far > 0 else less} for {name!r}"
                _note(rows, str(dataset.box_ids[mine[at]]), far, said)
        images, counts = np.unique(dataset.image_of[mine], return_counts=True)
        for at, far in _beyond(np.sqrt(counts)):
            if far > 0:
                said = f"{counted(counts[at], 'box', 'boxes')} of {name!r} in one image"
                _note(rows, str(dataset.row_ids[images[at]]), far, said)
    return Issues.concat(
        [
            Issues.from_columns(
                "outlier",
                row_ids=list(rows),
                scores=[score for score, _ in rows.values()],
                details=[said for _, said in rows.values()],
            )
        ]
    )


def _beyond(values: np.ndarray) -> list[tuple[int, float]]:
    """Return the positions of values beyond the fences, and how far, in reaches; < 0 below."""
    low, high = fences(values, reach=REACH, least=LEAST_SPREAD)
    middle, half = (low + high) / 2, (high - low) / 2
    if not np.isfinite(half):
        return []
    far = (values - middle) / half
    return [(int(at), float(far[at])) for at in np.flatnonzero(np.abs(far) > 1)]


def _note(rows: dict[str, tuple[float, str]], name: str, far: float, said: str) -> None:
    """Keep the worst finding of a row: half the score for twice the distance."""
    score = 0.5 / abs(far)
    if name not in rows or score < rows[name][0]:
        rows[name] = (score, said)
