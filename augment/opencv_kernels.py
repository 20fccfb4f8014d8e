"""Kernels on uint8 arrays (n, H, W, C), image by image with OpenCV, in place.

Shifts, mirrors, tables and boxes give the bits of `torch_kernels`; colour and sharpness differ by
at most one grey level, resampling by the fixed-point weights that OpenCV uses.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .kernel_numbers import blur_radius, box_noise
from .tables import Statistics, build_tables, mean_grey


def _like(pixels: np.ndarray, image: np.ndarray) -> np.ndarray:
    return np.asarray(pixels).reshape(image.shape)


def window(images: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Shift by whole pixels and mirror: rows (down, right, hflip, vflip, constant, fill)."""
    for position, row in zip(positions.tolist(), rows.tolist(), strict=True):
        down, right, hflip, vflip, constant, fill = row
        image = images[position]
        if down or right:
            image = _shift(image, int(down), int(right), int(fill) if constant else None)
        if hflip or vflip:
            code = -1 if hflip and vflip else (1 if hflip else 0)
            image = _like(cv2.flip(image, code), images[position])
        images[position] = image


def _shift(image: np.ndarray, down: int, right: int, fill: int | None) -> np.ndarray:
    height, width = image.shape[:2]
    border = cv2.BORDER_REFLECT_101 if fill is None else cv2.BORDER_CONSTANT
    margins = (max(-down, 0), max(down, 0), max(-right, 0), max(right, 0))
    padded = cv2.copyMakeBorder(image, *margins, border, value=(fill or 0,) * 4)
    top, left = max(down, 0), max(right, 0)
    return _like(padded[top : top + height, left : left + width], image)


def affine(images: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Resample bilinearly: rows (a, b, c, d, e, f, fill) as in `geometry`."""
    height, width = images.shape[1:3]
    matrices = rows[:, :6].reshape(-1, 2, 3).copy()
    matrices[:, :, 2] += 0.5 * (matrices[:, :, 0] + matrices[:, :, 1]) - 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for place, position in enumerate(positions.tolist()):
        fill = rows[place, 6]
        border = cv2.BORDER_REPLICATE if fill < 0 else cv2.BORDER_CONSTANT
        images[position] = _like(
            cv2.warpAffine(
                images[position],
                matrices[place],
                (width, height),
                flags=flags,
                borderMode=border,
                borderValue=(max(fill, 0.0),) * 4,
            ),
            images[position],
        )


def table(images: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Map every pixel through a table of its image and channel: rows (rule, amount)."""
    statistics = Statistics(
        means=lambda chosen: _means(images, positions[chosen]),
        extremes=lambda chosen: _extremes(images, positions[chosen]),
        histograms=lambda chosen: _histograms(images, positions[chosen]),
    )
    tables = build_tables(rows, statistics, channels=images.shape[3])
    tables = np.ascontiguousarray(tables.transpose(0, 2, 1))[:, None]
    for place, position in enumerate(positions.tolist()):
        images[position] = _like(cv2.LUT(images[position], tables[place]), images[position])


def _means(images: np.ndarray, positions: np.ndarray) -> np.ndarray:
    channels, area = images.shape[3], images.shape[1] * images.shape[2]
    sums = [cv2.sumElems(images[position])[:channels] for position in positions.tolist()]
    return np.asarray(np.asarray(sums) / area)


def _extremes(images: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    present = _histograms(images, positions) > 0
    low = np.argmax(present, axis=2).astype(float)
    return low, 255 - np.argmax(present[..., ::-1], axis=2).astype(float)


def _histograms(images: np.ndarray, positions: np.ndarray) -> np.ndarray:
    counts = np.empty((len(positions), images.shape[3], 256), dtype=np.int64)
    for place, position in enumerate(positions.tolist()):
        for channel in range(images.shape[3]):
            count = cv2.calcHist([images[position]], [channel], None, [256], [0, 256])
            counts[place, channel] = np.ravel(count)
    return counts


def colour(images: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Mix the channels by a 3×3 matrix and add a share of the mean grey: rows of ten numbers."""
    offset = np.zeros(len(rows))
    if rows[:, 9].any():
        offset = rows[:, 9] * mean_grey(_means(images, positions))
    if images.shape[3] == 1:
        matrices = np.stack([rows[:, :3].sum(axis=1), offset], axis=1)[:, None]
    else:
        columns = [rows[:, :9].reshape(-1, 3, 3), np.repeat(offset, 3).reshape(-1, 3, 1)]
        matrices = np.concatenate(columns, axis=2)
    for place, position in enumerate(positions.tolist()):
        mixed = cv2.transform(images[position], matrices[place])
        images[position] = _like(mixed, images[position])


_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], dtype=np.float32) / 13


def sharpen(images: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Blend with PIL's 3×3 smoothing, the outermost pixels left alone: rows (factor)."""
    if min(images.shape[1:3]) < 3:
        return
    for position, factor in zip(positions.tolist(), rows[:, 0].tolist(), strict=True):
        image = images[position]
        smooth = _like(cv2.filter2D(image, -1, _SMOOTH), image)
        sharp = _like(cv2.addWeighted(image, factor, smooth, 1 - factor, 0), image)
        image[1:-1, 1:-1] = sharp[1:-1, 1:-1]


def blur(images: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Gaussian blur with mirrored edges: rows (sigma, radius)."""
    for position, (sigma, radius) in zip(positions.tolist(), rows.tolist(), strict=True):
        width = 2 * min(blur_radius(sigma), int(radius)) + 1
        if width == 1:
            continue
        soft = cv2.GaussianBlur(images[position], (width, width), sigma)
        images[position] = _like(soft, images[position])


def erase(images: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
    """Fill a box with a level or with noise: rows (top, left, bottom, right, fill, noise)."""
    height, width, channels = images.shape[1:]
    for position, row in zip(positions.tolist(), rows.tolist(), strict=True):
        top, left, bottom, right, fill = (int(value) for value in row[:5])
        box = images[position, top:bottom, left:right]
        if row[5] < 0:
            box[...] = fill
        else:
            noise = box_noise(row[5], (channels, height, width))
            box[...] = noise.transpose(1, 2, 0)[top:bottom, left:right]


def mix(images: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Return the convex mixture of aligned batches with float32 `weights` (n, len(images))."""
    total = np.zeros(images[0].shape, dtype=np.float32)
    for place, part in enumerate(images):
        total += part.astype(np.float32) * weights[:, place, None, None, None]
    return np.asarray(np.clip(np.floor(total + np.float32(0.5)), 0, 255), dtype=np.uint8)


KERNELS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], None]] = {
    "window": window,
    "affine": affine,
    "table": table,
    "colour": colour,
    "sharpen": sharpen,
    "blur": blur,
    "erase": erase,
}
