"""Lines of text: a page that was scanned or rendered, among other images."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

FEWEST_PIXELS = 64
# What is darker than its surroundings by this many levels is ink, by less than this paper.
INK, PAPER = 20, 30
LEAST_INK, MOST_INK = 0.02, 0.4
LEAST_PAPER, LIGHT = 0.55, 128
EMPTY, WRITTEN = 0.02, 0.1
# Text that is not quite straight still lines up within a third of its width.
STRIPES = 3
FEWEST_LINES = 7


def count_text_lines(gray: np.ndarray) -> float:
    """Return how many lines of ink alternate with empty ones on light paper, uint8 (h, w).

    Ink is what is darker than the mean of its surroundings, so that shading does not matter; lines
    may run either way. 0 for fewer than 7 lines, where there is more ink or less paper than on a
    page, and below 64 pixels a side.
    """
    import cv2

    if min(gray.shape) < FEWEST_PIXELS:
        return 0.0
    around = 2 * (min(gray.shape) // 16) + 1
    mean = cv2.blur(gray, (around, around))
    ink = cv2.threshold(cv2.subtract(mean, gray), INK, 255, cv2.THRESH_BINARY)[1]
    if not LEAST_INK <= cv2.countNonZero(ink) / gray.size <= MOST_INK:
        return 0.0
    lines = max(_alternations(ink), _alternations(cv2.transpose(ink)))
    return float(lines) if lines >= FEWEST_LINES and _paper(gray, around) >= LEAST_PAPER else 0.0


def _alternations(ink: np.ndarray) -> int:
    """Return how many written lines follow an empty one, in the median of three stripes."""
    import cv2

    edges = np.linspace(0, ink.shape[1], STRIPES + 1).astype(int)
    counts = []
    for left, right in pairwise(edges):
        stripe = ink[:, left:right]
        profile = cv2.reduce(stripe, 1, cv2.REDUCE_AVG, dtype=cv2.CV_64F).ravel() / 255
        clear = profile[(profile < EMPTY) | (profile > WRITTEN)] > WRITTEN
        counts.append(int(np.count_nonzero(clear[1:] & ~clear[:-1])))
    return sorted(counts)[STRIPES // 2]


def _paper(gray: np.ndarray, around: int) -> float:
    """Return the share of pixels that are light, and as light as the lightest around."""
    import cv2

    lightest = cv2.dilate(gray, np.ones((around, around), np.uint8))
    ground = cv2.max(cv2.subtract(cv2.blur(lightest, (around, around)), PAPER), LIGHT)
    return cv2.countNonZero(cv2.compare(gray, ground, cv2.CMP_GE)) / gray.size
