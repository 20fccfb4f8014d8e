"""Operations that change each pixel by its own value, on arrays (n, H, W, C).

A rule writes the images at some positions from `source` to `target`, which may be one array.
Microseconds an image of 224×224×3: inverting takes 4, one table for all channels 3, three tables 20
(most of it for cutting it into planes and back), a factor and an offset for each channel 19.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from ..operations.photometry import TABLE_RULES
from .buffers import LEAST, in_blocks
from .lookup import look_up, look_up_channels
from .pixel_tables import equalized_levels, mean_gray, solarized_levels, stretched_levels

# Tables made at a time: larger arrays of floats would fall out of the cache.
_TOGETHER = 64
# From this size on histograms are made plane by plane.
_PLANES_PIXELS = 64 * 64
_LEVELS = np.arange(256, dtype=np.float64)
# OpenCV rounds halves to even; so little more makes it round them up, as the tables do.
_UP = 1e-5
# Stretched by up to so much, levels that are no halves are 1/510 and more away from one, and an
# error of single precision is below the half of this.
_STRONGEST, _HALF_UP = 8.0, 5e-4


def table(source: np.ndarray, target: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Map every pixel through a rule: rows (rule, amount)."""
    rules = sorted(set(rows[:, 0].tolist()))
    for rule in rules:
        chosen = rows[:, 0] == rule if len(rules) > 1 else np.s_[:]
        _RULES[TABLE_RULES[int(rule)]](source, target, positions[chosen], rows[chosen, 1])


def _brightness(
    source: np.ndarray, target: np.ndarray, positions: np.ndarray, factors: np.ndarray
) -> None:
    tables = scaled_levels(factors, np.full(len(factors), _UP))
    _through(source, target, positions, tables)


def _contrast(
    source: np.ndarray, target: np.ndarray, positions: np.ndarray, factors: np.ndarray
) -> None:
    center = np.floor(mean_gray(channel_means(source, positions)) + 0.5)
    tables = scaled_levels(factors, (1 - factors) * center + _UP)
    _through(source, target, positions, tables)


def _through(
    source: np.ndarray, target: np.ndarray, positions: np.ndarray, tables: np.ndarray
) -> None:
    for places, read, write in in_blocks(source, target, positions, least=LEAST):
        look_up(read, write, tables[places])


def scaled_levels(factors: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return tables (n, 256) of the levels times a factor, plus an offset.

    In single precision, with one rounding after both: the bits of `cv2.transform`.
    """
    factors, offsets = (one.astype(np.float32).astype(float)[:, None] for one in (factors, offsets))
    tables = np.empty((len(factors), 256), dtype=np.uint8)
    for start in range(0, len(factors), _TOGETHER):
        part = slice(start, start + _TOGETHER)
        levels = factors[part] * _LEVELS
        levels += offsets[part]
        rounded = np.rint(levels.astype(np.float32))
        tables[part] = np.clip(rounded, 0, 255, out=rounded)
    return tables


def _autocontrast(
    source: np.ndarray,
    target: np.ndarray,
    positions: np.ndarray,
    amounts: np.ndarray,  # noqa: ARG001
) -> None:
    for _, read, write in in_blocks(source, target, positions, least=LEAST):
        _stretch(read, write)


def _stretch(images: np.ndarray, target: np.ndarray) -> None:
    low, high = _extremes(images)
    flat = high <= low
    factors = np.where(flat, 1.0, 255.0 / np.where(flat, 1.0, high - low))
    # What a strong stretch needs is beyond OpenCV's single precision.
    strong = np.flatnonzero((factors > _STRONGEST).any(axis=1))
    kept = images[strong]
    channels = images.shape[3]
    matrices = np.zeros((len(images), channels, channels + 1))
    matrices[:, range(channels), range(channels)] = factors
    matrices[:, :, channels] = np.where(flat, _UP, _HALF_UP - low * factors)
    transform_each(images, target, matrices)
    if len(strong):
        tables = stretched_levels(low[strong].T, high[strong].T)
        look_up_channels(kept, kept, lambda _: tables.reshape(-1, 256))
        target[strong] = kept


def transform_each(images: np.ndarray, target: np.ndarray, matrices: np.ndarray) -> None:
    """Mix the channels of each image by a matrix of its own, (n, C, C + 1)."""
    if len(images) > 1 and (matrices == matrices[0]).all():
        n, height, width, channels = images.shape
        tall = (n * height, width, channels)
        cv2.transform(images.reshape(tall), matrices[0], target.reshape(tall))
        return
    for image, changed, matrix in zip(images, target, matrices, strict=True):
        cv2.transform(image, matrix, changed)


def _posterize(
    source: np.ndarray, target: np.ndarray, positions: np.ndarray, bits: np.ndarray
) -> None:
    masks = (256 - 2 ** bits.astype(np.int64)).clip(0, 255).astype(np.uint8)
    for places, read, write in in_blocks(source, target, positions, least=LEAST):
        np.bitwise_and(read, masks[places, None, None, None], out=write)


def _solarize(
    source: np.ndarray, target: np.ndarray, positions: np.ndarray, thresholds: np.ndarray
) -> None:
    _through(source, target, positions, solarized_levels(thresholds))


def _invert(
    source: np.ndarray, target: np.ndarray, positions: np.ndarray, applied: np.ndarray
) -> None:
    ones = np.where(applied > 0, 255, 0).astype(np.uint8)
    for places, read, write in in_blocks(source, target, positions, least=LEAST):
        np.bitwise_xor(read, ones[places, None, None, None], out=write)


def _equalize(
    source: np.ndarray,
    target: np.ndarray,
    positions: np.ndarray,
    amounts: np.ndarray,  # noqa: ARG001
) -> None:
    for _, read, write in in_blocks(source, target, positions, least=LEAST):
        look_up_channels(read, write, lambda planes: equalized_levels(_histograms(planes)))


Rule = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], None]
_RULES: dict[str, Rule] = {
    "brightness": _brightness,
    "contrast": _contrast,
    "posterize": _posterize,
    "solarize": _solarize,
    "invert": _invert,
    "autocontrast": _autocontrast,
    "equalize": _equalize,
}


def channel_means(images: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return the mean of each channel of the images at k positions, float64 (k, C)."""
    channels, area = images.shape[3], images.shape[1] * images.shape[2]
    sums = [cv2.sumElems(images[position])[:channels] for position in positions.tolist()]
    return np.asarray(np.asarray(sums) / area)


def _extremes(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n, height, width, channels = images.shape
    lines = images.reshape(n, height, width * channels)
    low, high = (
        find(find(lines, axis=1).reshape(n, width, channels), axis=1).astype(float)
        for find in (np.min, np.max)
    )
    return low, high


def _histograms(planes: np.ndarray) -> np.ndarray:
    """Return how often each level occurs in each of n planes (n, H, W), float32 (n, 256)."""
    n, height, width = planes.shape
    if height * width < _PLANES_PIXELS and n <= 256:
        pair = [_plane_numbers(n, height * width), planes.reshape(n, -1)]
        # One histogram of (plane, level), 2.3 µs an image of 32×32, where three histograms take 8.
        return np.asarray(cv2.calcHist(pair, [0, 1], None, [n, 256], [0, n, 0, 256]))
    counts = np.empty((n, 256, 1), dtype=np.float32)
    for plane, count in zip(planes, counts, strict=True):
        cv2.calcHist([plane], [0], None, [256], [0, 256], count)
    return counts[..., 0]


@lru_cache(maxsize=4)
def _plane_numbers(n: int, area: int) -> np.ndarray:
    """Return which plane each value of n planes belongs to, uint8 (n, area)."""
    return np.repeat(np.arange(n, dtype=np.uint8), area).reshape(n, area)
