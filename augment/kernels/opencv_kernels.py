"""Kernels on uint8 arrays (n, H, W, C) with OpenCV: ``kernel(source, target, positions, rows)``.

Each writes the images at `positions` of `target` from those of `source`; the kernels in `IN_PLACE`
also when both are one array. Shifts, mirrors and boxes give the bits of `torch_kernels`; the rest
is within one gray level of it, resampling within the fixed-point weights that OpenCV uses.
Arguments of OpenCV are not named: that takes a tenth of a call on a small image.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .buffers import LEAST, block_length, copy_images, in_blocks, take_memory
from .constants import fill_boxes, gaussian_weights, sharpen_shares
from .opencv_tables import channel_means, table, transform_each
from .pixel_tables import mean_gray
from .windows import window

_WARP = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
# OpenCV 5 warps four channels faster than three (224×224: 150 µs with both conversions, not 363;
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
    images, results = list(source), list(target)
    for position, matrix, fill in zip(positions.tolist(), matrices, fills, strict=True):
        warp(images[position], results[position], matrix, fill)


def _warp(image: np.ndarray, target: np.ndarray, matrix: np.ndarray, fill: float) -> None:
    border = cv2.BORDER_REPLICATE if fill < 0 else cv2.BORDER_CONSTANT
    level = (fill, fill, fill, fill)
    size = (image.shape[1], image.shape[0])
    cv2.warpAffine(image, matrix, size, target, _WARP, border, level)


def _warp_padded(image: np.ndarray, target: np.ndarray, matrix: np.ndarray, fill: float) -> None:
    padded = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
    warped = np.empty_like(padded)
    _warp(padded, warped, matrix, fill)
    cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB, target)


def color(source: np.ndarray, target: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Mix the channels by a 3×3 matrix and add a share of the mean gray: rows of ten numbers."""
    offsets = np.zeros(len(rows))
    if rows[:, 9].any():
        offsets = rows[:, 9] * mean_gray(channel_means(source, positions))
    if source.shape[3] == 1:
        matrices = np.stack([rows[:, :3].sum(axis=1), offsets], axis=1)[:, None]
    else:
        columns = [rows[:, :9].reshape(-1, 3, 3), np.repeat(offsets, 3).reshape(-1, 3, 1)]
        matrices = np.concatenate(columns, axis=2)
    for places, read, write in in_blocks(source, target, positions, least=LEAST):
        transform_each(read, write, matrices[places])


def sharpen(
    source: np.ndarray, target: np.ndarray, positions: np.ndarray, rows: np.ndarray
) -> None:
    """Blend with PIL's 3×3 smoothing, the outermost pixels left alone: rows (factor)."""
    shares = sharpen_shares(rows[:, 0]).tolist()
    most = min(len(positions), block_length(source, least=LEAST))
    smoothed = take_memory((most, *source.shape[1:]))
    for places, read, write in in_blocks(source, target, positions, least=LEAST):
        n, height, width, channels = read.shape
        if min(height, width) < 3:
            write[...] = read
            continue
        # All images under one another: lines next to another image are left alone anyway.
        tall, smooth = (n * height, width, channels), smoothed[:n]
        cv2.blur(read.reshape(tall), (3, 3), smooth.reshape(tall))
        for image, result, mean, (own, box) in zip(
            read, write, smooth, shares[places], strict=True
        ):
            cv2.addWeighted(image, own, mean, box, 0, result)
        write[:, 0], write[:, -1] = read[:, 0], read[:, -1]
        # Whole pixels: NumPy copies columns of three bytes each in twice the time.
        pixels, kept = (one.view(f"V{channels}")[..., 0] for one in (write, read))
        pixels[:, :, 0], pixels[:, :, -1] = kept[:, :, 0], kept[:, :, -1]


def resize(source: np.ndarray, target: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Stretch a box to the whole image, bilinearly: rows (top, left, bottom, right)."""
    images, results, size = list(source), list(target), (source.shape[2], source.shape[1])
    for position, box in zip(positions.tolist(), rows.astype(int).tolist(), strict=True):
        top, left, bottom, right = box
        part = images[position][top:bottom, left:right]
        cv2.resize(part, size, results[position], 0, 0, cv2.INTER_LINEAR)


def blur(source: np.ndarray, target: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Gaussian blur with mirrored edges: rows (sigma, radius)."""
    # Not cv2.GaussianBlur, which takes two to four times as long for the same image.
    radius = int(rows[:, 1].max(initial=0))
    weights = gaussian_weights(rows[:, 0], radius) / np.float32(256)
    cuts = np.argmax(weights > 0, axis=1).tolist()
    images, results = list(source), list(target)
    for position, kernel, cut in zip(positions.tolist(), weights, cuts, strict=True):
        if cut == radius:
            np.copyto(results[position], images[position])
            continue
        taps = kernel[cut : 2 * radius + 1 - cut]
        cv2.sepFilter2D(images[position], -1, taps, taps, results[position])


def erase(source: np.ndarray, target: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Fill a box with a level or with noise: rows (top, left, bottom, right, fill, noise)."""
    if source is not target:
        copy_images(source, target, positions)
    fill_boxes([target[position] for position in positions.tolist()], rows)


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
    "resize": resize,
    "table": table,
    "color": color,
    "sharpen": sharpen,
    "blur": blur,
    "erase": erase,
}
IN_PLACE = frozenset({"erase", "table"})
