"""Lines of one color along the edges of an image: letterbox bars, and the rest of a cut file."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Levels that lines of one color may span, for JPEG leaves ripples near the image; in the half
# that is farther from it what a decoder filled in does not vary, unlike sky and sea.
TOLERANCE, FILLED = 12, 3


class Borders(NamedTuple):
    """What lies along the edges of an image.

    Attributes
    ----------
    cut : float
        Share of the height that lines of one level fill from the bottom up to a straight edge, 0
        where lines of that level are at the top as well.
    bars : float
        The smaller share of two opposite bars of one level with straight inner edges; the larger
        of top and bottom, and left and right.
    """

    cut: float
    bars: float


def measure_borders(gray: np.ndarray) -> Borders:
    """Measure lines of one level along the edges of an image, uint8 (h, w)."""
    across = _Flat.of(gray, axis=1)
    down = _Flat.of(gray, axis=0)
    upper, lower = across
    other = upper.share == 0 or abs(upper.level - lower.level) > TOLERANCE
    filled = other and lower.straight > STRAIGHT and lower.span <= FILLED
    cut = lower.share if filled else 0.0
    bars = max(across.bars() if down.framed() else 0.0, down.bars() if across.framed() else 0.0)
    return Borders(cut, bars)


# Share of an inner edge along which the image must differ from the bar: what stands before a
# plain ground touches the ground's last line in few places. Less where bars on the other two edges
# leave but a part of it: a frame.
STRAIGHT, FRAMED = 0.6, 0.4


class _Side(NamedTuple):
    """Flat lines at one edge: share of all lines, level, straightness of the end, levels spanned.

    The last counts the half of them that is nearer to the edge.
    """

    share: float
    level: float
    straight: float
    span: int


class _Flat(NamedTuple):
    first: _Side
    last: _Side

    @classmethod
    def of(cls, gray: np.ndarray, *, axis: int) -> _Flat:
        """Look for flat lines from both ends, lines (axis 1) or columns (axis 0)."""
        import cv2

        lowest = cv2.reduce(gray, axis, cv2.REDUCE_MIN).ravel()
        highest = cv2.reduce(gray, axis, cv2.REDUCE_MAX).ravel()
        lines = gray if axis else gray.T
        return cls(_side(lines, lowest, highest), _side(lines[::-1], lowest[::-1], highest[::-1]))

    def framed(self) -> bool:
        """Tell whether the image reaches both ends, or ends there in straight lines."""
        return all(side.share == 0 or side.straight > FRAMED for side in self)

    def bars(self) -> float:
        """Return the smaller share of two bars that are alike, 0 without such."""
        one, other = self
        alike = abs(one.level - other.level) <= TOLERANCE
        straight = min(one.straight, other.straight) > STRAIGHT
        return min(one.share, other.share) if alike and straight else 0.0


def _side(lines: np.ndarray, lowest: np.ndarray, highest: np.ndarray) -> _Side:
    level = (int(lowest[0]) + int(highest[0])) / 2
    near = (highest <= level + TOLERANCE) & (lowest >= level - TOLERANCE)
    count = len(near) if near.all() else int(near.argmin())
    if count in (0, len(near)):
        return _Side(0.0 if count == 0 else 1.0, level, 0.0, 0)
    # From the line before the last to the second beyond: JPEG mixes what lies between, and a sky
    # that slowly darkens does not change that fast.
    outer = lines[max(count - 2, 0)].astype(np.int16)
    inner = lines[min(count + 1, len(lines) - 1)].astype(np.int16)
    half = slice(0, (count + 1) // 2)
    span = int(highest[half].max()) - int(lowest[half].min())
    straight = float((np.abs(inner - outer) > TOLERANCE).mean())
    return _Side(count / len(near), level, straight, span)
