"""Kernels on uint8 arrays (n, H, W, C) with OpenCV: ``kernel(source, target, positions, rows)``.

Each writes the images at `positions` of `target` from those of `source`; the kernels in `IN_PLACE`
also when both are one array. Shifts, mirrors, tables and boxes give the bits of `torch_kernels`;
colour, sharpness and blur differ by at most one grey level, resampling by the fixed-point weights
that OpenCV uses.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .kernel_numbers import box_noise, gaussian_weights
from .photometry import PER_CHANNEL_RULES
from .tables import Statistics, build_tables, mean_grey
from .windows import window

_WARP = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
# OpenCV 5 warps four channels faster than three (224×224: 200 µs with both conversions, not 327;
# the same bits), but not enough so for small images.
_FOUR_CHANNELS_PIXELS = 64 * 64


def affine(source: np.ndarray, target: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Resample bilinearly: rows (a, b, c, d, e, f, fill) as in `geometry`."""
    height, width, channels = source.shape[1:]
    warp = _warp
    if channels == 3 and height * width >= _FOUR_CHANNELS_PIXELS:
        warp = _warp_padded
    matrices = rows[:, :6].reshape(-1, 2, 3).copy()
    matrices[:, :, 2] += 0.5 * (matrices[:, :, 0] + matrices[:, :, 1]) - 0.5
    fills = rows[:, 6].tolist()
    for position, matrix, fill in zip(positions.tolist(), matrices, fills, strict=True):
        warp(source[position], target[position], matrix, fill)


def _warp(image: np.ndarray, target: np.ndarray, matrix: np.ndarray, fill: float) -> None:
    border = cv2.BORDER_REPLICATE if fill < 0 else cv2.BORDER_CONSTANT
    level = (fill, fill, fill, fill)
    size = (image.shape[1], image.shape[0])
    cv2.warpAffine(
        image, matrix, size, dst=target, flags=_WARP, borderMode=border, borderValue=level
    )


def _warp_padded(image: np.ndarray, target: np.ndarray, matrix: np.ndarray, fill: float) -> None:
    padded = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
    warped = np.empty_like(padded)
    _warp(padded, warped, matrix, fill)
    cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB, dst=target)


def table(source: np.ndarray, target: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Map every pixel through a table of its image and channel: rows (rule, amount)."""
    statistics = Statistics(
        means=lambda chosen: _means(source, positions[chosen]),
        extremes=lambda chosen: _extremes(source, positions[chosen]),
        histograms=lambda chosen: _histograms(source, positions[chosen]),
    )
    tables = build_tables(rows, statistics, channels=source.shape[3])
    per_channel = np.isin(rows[:, 0], PER_CHANNEL_RULES) & (source.shape[3] > 1)
    # One table for all channels takes half the time of three equal ones.
    shared, own = tables[:, 0], np.ascontiguousarray(tables.transpose(0, 2, 1))[:, None]
    for place, position in enumerate(positions.tolist()):
        levels = own[place] if per_channel[place] else shared[place]
        cv2.LUT(source[position], levels, dst=target[position])


def _means(images: np.ndarray, positions: np.ndarray) -> np.ndarray:
    channels, area = images.shape[3], images.shape[1] * images.shape[2]
    sums = [cv2.sumElems(images[position])[:channels] for position in positions.tolist()]
    return np.asarray(np.asarray(sums) / area)


def _extremes(images: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = np.empty((2, len(positions), images.shape[3]))
    for place, position in enumerate(positions.tolist()):
        for channel in range(images.shape[3]):
            plane = cv2.extractChannel(images[position], channel)
            found[:, place, channel] = cv2.minMaxLoc(plane)[:2]
    return found[0], found[1]


def _histograms(images: np.ndarray, positions: np.ndarray) -> np.ndarray:
    counts = np.empty((len(positions), images.shape[3], 256), dtype=np.int64)
    for place, position in enumerate(positions.tolist()):
        for channel in range(images.shape[3]):
            count = cv2.calcHist([images[position]], [channel], None, [256], [0, 256])
            counts[place, channel] = np.ravel(count)
    return counts


def colour(source: np.ndarray, target: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Mix the channels by a 3×3 matrix and add a share of the mean grey: rows of ten numbers."""
    offset = np.zeros(len(rows))
    if rows[:, 9].any():
        offset = rows[:, 9] * mean_grey(_means(source, positions))
    if source.shape[3] == 1:
        matrices = np.stack([rows[:, :3].sum(axis=1), offset], axis=1)[:, None]
    else:
        columns = [rows[:, :9].reshape(-1, 3, 3), np.repeat(offset, 3).reshape(-1, 3, 1)]
        matrices = np.concatenate(columns, axis=2)
    for position, matrix in zip(positions.tolist(), matrices, strict=True):
        cv2.transform(source[position], matrix, dst=target[position])


_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], dtype=np.float32) / 13


def sharpen(
    source: np.ndarray, target: np.ndarray, positions: np.ndarray, rows: np.ndarray
) -> None:
    """Blend with PIL's 3×3 smoothing, the outermost pixels left alone: rows (factor)."""
    for position, factor in zip(positions.tolist(), rows[:, 0].tolist(), strict=True):
        image, result = source[position], target[position]
        if min(image.shape[:2]) < 3:
            result[...] = image
            continue
        smooth = cv2.filter2D(image, -1, _SMOOTH).reshape(image.shape)
        cv2.addWeighted(image, factor, smooth, 1 - factor, 0, dst=result)
        for edge in ((0,), (-1,), (slice(None), 0), (slice(None), -1)):
            result[edge] = image[edge]


def blur(source: np.ndarray, target: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Gaussian blur with mirrored edges: rows (sigma, radius)."""
    # Not cv2.GaussianBlur, which takes two to four times as long for the same image.
    radius = int(rows[:, 1].max(initial=0))
    weights = gaussian_weights(rows[:, 0], radius) / np.float32(256)
    cuts = np.argmax(weights > 0, axis=1).tolist()
    for position, kernel, cut in zip(positions.tolist(), weights, cuts, strict=True):
        taps = kernel[cut : 2 * radius + 1 - cut]
        cv2.sepFilter2D(source[position], -1, taps, taps, dst=target[position])


def erase(source: np.ndarray, target: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Fill a box with a level or with noise: rows (top, left, bottom, right, fill, noise)."""
    height, width, channels = target.shape[1:]
    if source is not target:
        target[positions] = source[positions]
    boxes, noises = rows[:, :5].astype(int).tolist(), rows[:, 5].tolist()
    for position, box, noise in zip(positions.tolist(), boxes, noises, strict=True):
        top, left, bottom, right, fill = box
        part = target[position, top:bottom, left:right]
        if noise < 0:
            part[...] = fill
        else:
            pixels = box_noise(noise, (channels, height, width)).transpose(1, 2, 0)
            part[...] = pixels[top:bottom, left:right]


def mix(images: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Return the convex mixture of aligned batches with float32 `weights` (n, len(images))."""
    total = np.zeros(images[0].shape, dtype=np.float32)
    for place, part in enumerate(images):
        total += part.astype(np.float32) * weights[:, place, None, None, None]
    return np.asarray(np.clip(np.floor(total + np.float32(0.5)), 0, 255), dtype=np.uint8)


Kernel = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], None]
KERNELS: dict[str, Kernel] = {
    "window": window,
    "affine": affine,
    "table": table,
    "colour": colour,
    "sharpen": sharpen,
    "blur": blur,
    "erase": erase,
}
IN_PLACE = frozenset({"erase", "table"})
