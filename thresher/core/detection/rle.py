"""Masks as runs of equal pixels, column by column, as COCO keeps them; without pycocotools.

A run-length code lists how many pixels of 0, then of 1, then of 0 … follow each other down the
columns. Compressed, each number (from the third on less the one two before) is written in groups of
five bits, lowest first, as characters from ``0`` on, with the sixth bit saying that more follow
(``maskApi.c`` of the COCO API). Both agree with pycocotools in every bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError

_UPSAMPLED = 5.0


@dataclass(frozen=True)
class Rle:
    """Runs of a mask.

    Attributes
    ----------
    counts : ndarray of int64, shape (r,)
        Lengths of the runs, of 0 first.
    size : tuple of int
        Height and width.
    """

    counts: np.ndarray
    size: tuple[int, int]

    @property
    def area(self) -> int:
        """Number of pixels of 1."""
        return int(self.counts[1::2].sum())

    def to_mask(self) -> np.ndarray:
        """Return the mask, ndarray of bool, shape (height, width)."""
        values = np.arange(len(self.counts)) % 2 == 1
        return np.repeat(values, self.counts).reshape(self.size[::-1]).T

    def to_text(self) -> str:
        """Return the compressed counts."""
        stored = self.counts.copy()
        stored[3:] -= self.counts[1:-2]
        return "".join(map(_packed, stored.tolist()))


def encode_mask(mask: np.ndarray) -> Rle:
    """Return the runs of a mask, shape (height, width)."""
    flat = np.asarray(mask, dtype=bool).T.ravel()
    edges = np.flatnonzero(np.diff(flat, prepend=False))
    counts = np.diff(np.concatenate([[0], edges, [flat.size]]))
    # Pixels of 1 at the very end are closed by no run of 0.
    return Rle(counts if counts[-1] or len(counts) == 1 else counts[:-1], mask.shape)


def rle_of(counts: str | list[int], size: tuple[int, int]) -> Rle:
    """Read runs, compressed or as a list.

    Raises
    ------
    InputError
        When they are damaged, or do not fill the mask.
    """
    runs = _unpacked(counts) if isinstance(counts, str) else np.asarray(counts)
    if runs.ndim != 1 or runs.dtype.kind not in "iu" or (runs < 0).any():
        raise InputError("A mask's `counts` must be whole numbers of at least 0.")
    if int(runs.sum()) != size[0] * size[1]:
        raise InputError(
            f"A mask's `counts` are for {int(runs.sum())} pixels, and its `size` has "
            f"{size[0]} × {size[1]}."
        )
    return Rle(runs.astype(np.int64), size)


def _packed(number: int) -> str:
    found = []
    while True:
        bits = number & 31
        number >>= 5
        more = number != (-1 if bits & 16 else 0)
        found.append(chr(bits + (32 if more else 0) + 48))
        if not more:
            return "".join(found)


def _unpacked(text: str) -> np.ndarray:
    counts: list[int] = []
    value = shift = 0
    for char in text:
        bits = ord(char) - 48
        if not 0 <= bits < 64:
            raise InputError(f"A mask's `counts` hold the character {char!r}.")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (bits & 16) << (shift - 4)
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value = shift = 0
    if shift:
        raise InputError("A mask's `counts` are cut off.")
    return np.array(counts, np.int64)


def encode_polygon(corners: np.ndarray, *, size: tuple[int, int]) -> Rle:
    """Draw one polygon and return its runs, as pycocotools' ``frPyObjects`` does.

    Parameters
    ----------
    corners : ndarray of float64, shape (k, 2)
        x and y in pixels.
    size : tuple of int
        Height and width.
    """
    height, width = size
    across, down = _outline(np.trunc(_UPSAMPLED * np.asarray(corners, np.float64) + 0.5))
    moved = np.flatnonzero(np.diff(across))
    left = np.minimum(across[moved], across[moved + 1])
    x = (left + 0.5) / _UPSAMPLED - 0.5
    inside = (np.floor(x) == x) & (x >= 0) & (x <= width - 1)
    y = (np.minimum(down[moved], down[moved + 1]) + 0.5) / _UPSAMPLED - 0.5
    y = np.ceil(np.clip(y[inside], 0, height))
    turns = np.sort(np.append(x[inside] * height + y, height * width)).astype(np.int64)
    return Rle(_without_empty_runs(np.diff(turns, prepend=0)), size)


def _outline(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of a closed line, each edge walked along its longer side."""
    across, down = [], []
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        wide, high = abs(x1 - x0), abs(y1 - y0)
        back = (wide >= high and x0 > x1) or (wide < high and y0 > y1)
        if back:
            x0, x1, y0, y1 = x1, x0, y1, y0
        steps = np.arange(max(wide, high) + 1)
        steps = steps[::-1] if back else steps
        slope = _slope(wide, high, (x0, y0), (x1, y1))
        along = (steps + x0, np.trunc(y0 + slope * steps + 0.5))
        if wide < high:
            along = (np.trunc(x0 + slope * steps + 0.5), steps + y0)
        across.append(along[0])
        down.append(along[1])
    return np.concatenate(across), np.concatenate(down)


def _slope(
    wide: float, high: float, first: tuple[float, float], last: tuple[float, float]
) -> float:
    if wide >= high:
        return (last[1] - first[1]) / wide if wide else 0.0
    return (last[0] - first[0]) / high


def _without_empty_runs(runs: np.ndarray) -> np.ndarray:
    """Join runs around a run of no pixels, but the first, which may have none."""
    kept = [int(runs[0])]
    place = 1
    while place < len(runs):
        if runs[place] > 0:
            kept.append(int(runs[place]))
            place += 1
        else:
            place += 1
            if place < len(runs):
                kept[-1] += int(runs[place])
                place += 1
    return np.array(kept, np.int64)


def join_masks(parts: list[Rle]) -> Rle:
    """Return the runs of all pixels that any of several masks holds."""
    if len(parts) == 1:
        return parts[0]
    mask = parts[0].to_mask()
    for part in parts[1:]:
        mask = mask | part.to_mask()
    return encode_mask(mask)
