"""Pairs of boxes in one image, and how far they overlap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from thresher.core.detection.detection_set import DetectionSet
from thresher.core.numerics.ragged import place_in_group

# Pairs held at once: some 200 MB.
PAIRS = 2**20


@dataclass(frozen=True)
class Pairs:
    """Pairs of boxes of one image: positions with first < second, and their overlap (IoU)."""

    first: np.ndarray
    second: np.ndarray
    overlap: np.ndarray


def overlapping_pairs(dataset: DetectionSet, *, least: float) -> Pairs:
    """Return the pairs of boxes in one image with an overlap of at least `least`.

    Crowd boxes and boxes without an area are left out. Boxes that overlap by t begin within 1 − t
    of their width of each other, so only those are compared.
    """
    boxes = dataset.boxes
    sound = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    used = np.flatnonzero(sound & ~dataset.crowd)
    used = used[np.lexsort((boxes[used, 0], dataset.image_of[used]))]
    parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    for left, right in _within(_reach(boxes[used], dataset.image_of[used], least)):
        a, b = used[left], used[right]
        overlap = pair_overlap(boxes[a], boxes[b])
        near = overlap >= least
        a, b = a[near], b[near]
        parts.append((np.minimum(a, b), np.maximum(a, b), overlap[near]))
    return Pairs(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _reach(boxes: np.ndarray, image_of: np.ndarray, least: float) -> np.ndarray:
    """Return how many of the boxes that follow each one begin close enough, int64, shape (n,)."""
    if not len(boxes):
        return np.zeros(0, np.int64)
    left = boxes[:, 0] - boxes[:, 0].min()
    apart = 2 * (boxes[:, 2].max() - boxes[:, 0].min()) + 1
    place = image_of * apart + left
    limit = place + (boxes[:, 2] - boxes[:, 0]) * (1 - least)
    # What rounding takes is given back.
    ends = np.searchsorted(place, limit + 1e-9 * apart + 1e-12 * place, side="right")
    own = np.searchsorted(image_of, image_of, side="right")
    return np.asarray(np.minimum(ends, own) - np.arange(len(boxes)) - 1)


def _within(after: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the positions of each item and of the `after` ones behind it, some at a time."""
    edges = np.cumsum(after)
    start = 0
    while start < len(after):
        held = edges[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(edges, held + PAIRS, side="right")))
        many = after[start:stop]
        left = np.repeat(np.arange(start, stop), many)
        yield left, left + 1 + place_in_group(many)
        start = stop


def pair_overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the overlap (IoU) of boxes row by row, shape (n,)."""
    low, high = np.maximum(first[:, :2], second[:, :2]), np.minimum(first[:, 2:], second[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    union = areas(first) + areas(second) - shared
    return np.asarray(shared / np.where(union > 0, union, 1))


def areas(boxes: np.ndarray) -> np.ndarray:
    """Return areas of corners x1, y1, x2, y2, shape (n,)."""
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
