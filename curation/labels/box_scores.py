"""Scores of labeled and predicted boxes in one image, as in ObjectLab.

Tkachenko, Thyagarajan and Mueller, "ObjectLab: Automated Diagnosis of Mislabeled Images in Object
Detection Data", 2023. The scores for overlooked, badly located and swapped boxes equal those of
cleanlab 2.9; the score for boxes too many is our own. Costs O(labeled · predicted boxes).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Weight of the overlap in the similarity of two boxes; the rest is how near their centers are.
OVERLAP_WEIGHT, NEARNESS_PER_PIXEL = 0.9, 0.1
# Two labeled boxes of different classes that overlap so far are one object labeled twice.
SAME_OBJECT = 0.95
MATCH = 0.5


@dataclass(frozen=True)
class Boxes:
    """Boxes of one image: corners x1, y1, x2, y2, shape (m, 4), class codes, and confidences."""

    corners: np.ndarray
    codes: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class Compared:
    """Labeled against predicted boxes: overlap and similarity, both of shape (m, p), in [0, 1]."""

    labeled: Boxes
    predicted: Boxes
    overlap: np.ndarray
    similarity: np.ndarray


def compare(labeled: Boxes, predicted: Boxes) -> Compared:
    """Measure how each labeled box lies to each predicted one."""
    overlap = intersection_over_union(labeled.corners, predicted.corners)
    gap = _centers(labeled.corners)[:, None] - _centers(predicted.corners)[None]
    distant = 1 - np.exp(-np.sqrt((gap**2).sum(axis=2)) * NEARNESS_PER_PIXEL)
    similarity = overlap * OVERLAP_WEIGHT + (1 - OVERLAP_WEIGHT) * (1 - distant)
    return Compared(labeled, predicted, overlap, similarity)


def intersection_over_union(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the overlap of each pair of boxes, shape (m, p)."""
    corner = np.minimum(first[:, None, 2:], second[None, :, 2:])
    size = np.maximum(corner - np.maximum(first[:, None, :2], second[None, :, :2]), 0)
    shared = size[..., 0] * size[..., 1]
    union = _areas(first)[:, None] + _areas(second)[None] - shared
    return np.asarray(shared / np.maximum(union, 1e-6))


def overlooked_scores(image: Compared, *, confident: float, least: float) -> np.ndarray:
    """Score each predicted box as one that the labels lack, shape (p,).

    NaN for a box that is not confident, or overlaps a labeled one. `least` is the lowest
    similarity above zero in the data.
    """
    predicted, labeled = image.predicted, image.labeled
    scores = np.full(len(predicted.codes), np.nan)
    alone = (predicted.scores >= confident) & ~(image.overlap > 0).any(axis=0)
    for box in np.flatnonzero(alone):
        same = image.similarity[labeled.codes == predicted.codes[box], box]
        scores[box] = same.max() if len(same) else least * (1 - predicted.scores[box])
    return scores


def badly_located_scores(image: Compared, *, likely: float) -> np.ndarray:
    """Score how well each labeled box lies on a likely prediction of its class, shape (m,)."""
    same = image.labeled.codes[:, None] == image.predicted.codes[None]
    usable = same & (image.predicted.scores > likely)[None] & (image.overlap > 0)
    best = np.where(usable, image.similarity, -1.0).max(axis=1, initial=-1.0)
    return np.where(usable.any(axis=1), best, 1.0)


def swapped_scores(image: Compared, *, confident: float, least: float) -> np.ndarray:
    """Score each labeled box by how far confident predictions of other classes are, shape (m,).

    Boxes that lie on one of another class count as swapped.
    """
    codes = image.labeled.codes
    usable = (codes[:, None] != image.predicted.codes[None]) & (image.predicted.scores > confident)[
        None
    ]
    nearest = np.where(usable, image.similarity, -np.inf).max(axis=1, initial=-np.inf)
    scores = np.where(usable.any(axis=1), np.maximum(least, 1 - nearest), 1.0)
    twice = intersection_over_union(image.labeled.corners, image.labeled.corners) >= SAME_OBJECT
    twice &= codes[:, None] != codes[None]
    return np.where(twice.any(axis=1), least, scores)


def support(image: Compared, *, likely: float) -> np.ndarray:
    """Return how well predictions speak for an object at each labeled box, shape (m,), 0–1.

    A likely prediction of any class that overlaps it by half or more is full support.
    """
    on_it = np.minimum(image.overlap / MATCH, 1)
    sure = np.minimum(image.predicted.scores / max(likely, 1e-6), 1)
    return np.asarray((on_it * sure[None]).max(axis=1, initial=0.0))


def _centers(corners: np.ndarray) -> np.ndarray:
    return np.asarray((corners[:, :2] + corners[:, 2:]) / 2)


def _areas(corners: np.ndarray) -> np.ndarray:
    return np.asarray((corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1]))
