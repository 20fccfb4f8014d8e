"""Operations that change each pixel by its own value, with OpenCV on arrays (n, H, W, C).

What arithmetic does faster than a look-up table is done by arithmetic: microseconds an image of
224×224×3, one table for all channels takes 49, three tables 100 (63 on separate planes), a factor
and an offset 19, inverting 4. Rules are given a block of images, and may write where they read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from .memory import in_blocks, take_memory
from .photometry import TABLE_RULES
from .tables import Statistics, build_tables, mean_grey

# Above this size three tables are applied to three planes, and histograms made plane by plane.
_PLANES_PIXELS = 64 * 64
# OpenCV rounds halves to even; so little more makes it round them up, as the tables do.
_UP = 1e-5
# Stretched by up to so much, levels that are no halves are 1/510 and more away from one, and an
# error of single precision is below the half of this.
_STRONGEST, _HALF_UP = 8.0, 5e-4


def table(source: np.ndarray, target: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Map every pixel through a rule: rows (rule, amount)."""
    for rule in np.unique(rows[:, 0]).astype(int).tolist():
        chosen = np.flatnonzero(rows[:, 0] == rule)
        for places, read, write in in_blocks(source, target, positions[chosen]):
            _RULES[TABLE_RULES[rule]](read, write, rows[chosen[places]])


def _brightness(images: np.ndarray, target: np.ndarray, rows: np.ndarray) -> None:
    channels = images.shape[3]
    factors = np.repeat(rows[:, 1:], channels, axis=1)
    _scale(images, target, factors=factors, offsets=np.full_like(factors, _UP))


def _contrast(images: np.ndarray, target: np.ndarray, rows: np.ndarray) -> None:
    channels = images.shape[3]
    centre = np.floor(mean_grey(channel_means(images)) + 0.5)
    factors = np.repeat(rows[:, 1:], channels, axis=1)
    _scale(images, target, factors=factors, offsets=(1 - factors) * centre[:, None] + _UP)


def _autocontrast(images: np.ndarray, target: np.ndarray, rows: np.ndarray) -> None:
    low, high = _extremes(images)
    flat = high <= low
    factors = np.where(flat, 1.0, 255.0 / np.where(flat, 1.0, high - low))
    # What a strong stretch needs is beyond OpenCV's single precision.
    strong = np.flatnonzero((factors > _STRONGEST).any(axis=1))
    kept = images[strong]
    _scale(images, target, factors=factors, offsets=np.where(flat, _UP, _HALF_UP - low * factors))
    if len(strong):
        _from_statistics(kept, kept, rows[strong])
        target[strong] = kept


def _scale(
    images: np.ndarray, target: np.ndarray, *, factors: np.ndarray, offsets: np.ndarray
) -> None:
    """Multiply and add: a factor and an offset (n, C) for each channel of each image."""
    channels = images.shape[3]
    matrices = np.zeros((len(images), channels, channels + 1))
    matrices[:, range(channels), range(channels)] = factors
    matrices[:, :, channels] = offsets
    transform_each(images, target, matrices)


def transform_each(images: np.ndarray, target: np.ndarray, matrices: np.ndarray) -> None:
    """Mix the channels of each image by a matrix of its own, (n, C, C + 1)."""
    if len(images) > 1 and (matrices == matrices[0]).all():
        n, height, width, channels = images.shape
        tall = (n * height, width, channels)
        cv2.transform(images.reshape(tall), matrices[0], dst=target.reshape(tall))
        return
    for image, changed, matrix in zip(images, target, matrices, strict=True):
        cv2.transform(image, matrix, dst=changed)


def _posterize(images: np.ndarray, target: np.ndarray, rows: np.ndarray) -> None:
    masks = (256 - 2 ** rows[:, 1].astype(np.int64)).clip(0, 255).astype(np.uint8)
    np.bitwise_and(images, masks[:, None, None, None], out=target)


def _solarize(images: np.ndarray, target: np.ndarray, rows: np.ndarray) -> None:
    ones = take_memory(images.shape)
    np.greater_equal(images, np.ceil(rows[:, 1])[:, None, None, None], out=ones.view(bool))
    # 255 where it was true.
    np.negative(ones, out=ones)
    np.bitwise_xor(images, ones, out=target)


def _invert(images: np.ndarray, target: np.ndarray, rows: np.ndarray) -> None:
    ones = np.where(rows[:, 1] > 0, 255, 0).astype(np.uint8)
    np.bitwise_xor(images, ones[:, None, None, None], out=target)


def _from_statistics(images: np.ndarray, target: np.ndarray, rows: np.ndarray) -> None:
    n, height, width, channels = images.shape
    if height * width < _PLANES_PIXELS or channels == 1:
        tables = _build(rows, images, histograms=lambda chosen: _histograms(images[chosen]))
        tables = np.ascontiguousarray(tables.transpose(0, 2, 1))[:, None]
        for image, changed, own in zip(images, target, tables, strict=True):
            cv2.LUT(image, own, dst=changed)
        return
    planes = take_memory((n, channels, height, width))
    for image, own in zip(images, planes, strict=True):
        cv2.split(image, tuple(own))
    tables = _build(rows, images, histograms=lambda chosen: _histograms_by_plane(planes[chosen]))
    for changed, own, levels in zip(target, planes, tables, strict=True):
        for plane, one in zip(own, levels, strict=True):
            cv2.LUT(plane, one, dst=plane)
        cv2.merge(tuple(own), dst=changed)


def _build(
    rows: np.ndarray, images: np.ndarray, *, histograms: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    statistics = Statistics(
        means=lambda chosen: channel_means(images[chosen]),
        extremes=lambda chosen: _extremes(images[chosen]),
        histograms=histograms,
    )
    return build_tables(rows, statistics, channels=images.shape[3])


Rule = Callable[[np.ndarray, np.ndarray, np.ndarray], None]
_RULES: dict[str, Rule] = {
    "brightness": _brightness,
    "contrast": _contrast,
    "posterize": _posterize,
    "solarize": _solarize,
    "invert": _invert,
    "autocontrast": _autocontrast,
    "equalize": _from_statistics,
}


def channel_means(images: np.ndarray) -> np.ndarray:
    """Return the mean of each channel of images (n, H, W, C), float64 (n, C)."""
    channels, area = images.shape[3], images.shape[1] * images.shape[2]
    sums = [cv2.sumElems(image)[:channels] for image in images]
    return np.asarray(np.asarray(sums) / area)


def _extremes(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n, height, width, channels = images.shape
    lines = images.reshape(n, height, width * channels)
    low, high = (
        find(find(lines, axis=1).reshape(n, width, channels), axis=1).astype(float)
        for find in (np.min, np.max)
    )
    return low, high


def _histograms(images: np.ndarray) -> np.ndarray:
    """Return how often each level occurs in each channel, float32 (n, C, 256)."""
    n, height, width, channels = images.shape
    if height * width >= _PLANES_PIXELS or n * channels > 256:
        return _histograms_by_plane(images.transpose(0, 3, 1, 2))
    pair = [_plane_numbers(n, height * width, channels), images.reshape(n, -1)]
    # One histogram of (plane, level), 2.3 µs an image of 32×32, where three histograms take 8.
    ranges = [0, n * channels, 0, 256]
    counts = cv2.calcHist(pair, [0, 1], None, [n * channels, 256], ranges)
    return np.asarray(counts.reshape(n, channels, 256))


def _histograms_by_plane(planes: np.ndarray) -> np.ndarray:
    """Return how often each level occurs in each plane of (n, C, H, W), float32 (n, C, 256)."""
    counts = np.empty((*planes.shape[:2], 256, 1), dtype=np.float32)
    for own, found in zip(planes, counts, strict=True):
        for plane, count in zip(own, found, strict=True):
            cv2.calcHist([np.ascontiguousarray(plane)], [0], None, [256], [0, 256], hist=count)
    return counts[..., 0]


@lru_cache(maxsize=4)
def _plane_numbers(n: int, area: int, channels: int) -> np.ndarray:
    """Return which plane each value of n images belongs to, uint8 (n, area · channels)."""
    planes = np.arange(n * channels, dtype=np.uint8).reshape(n, 1, channels)
    return np.ascontiguousarray(np.broadcast_to(planes, (n, area, channels)).reshape(n, -1))
