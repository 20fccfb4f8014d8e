"""Where which colors are, and how much of each: cosine transform in LAB, histogram in HSV.

Cosines lie on a grid (`thresher.core.grid`), so that an image gives the same bits on every
processor. Cost: about 0.03 CPU-ms for 32 × 32 pixels.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..grid import on_grid

HSV_BINS = (8, 4, 4)
HUES = 180  # OpenCV halves the hue circle to fit a byte
# Sums over 32 × 32 bytes take 51 bits with 19 for either cosine.
COSINE_BITS = 19


def to_lab(images: np.ndarray) -> np.ndarray:
    """Convert RGB, uint8 (n, s, s, 3), to CIELAB scaled to bytes, float32 of the same shape."""
    return _convert(images, cv2.COLOR_RGB2LAB).astype(np.float32)


def layout(lab: np.ndarray, *, frequencies: int = 8) -> np.ndarray:
    """Low frequencies of the cosine transform of each channel, without the mean, unit length.

    Parameters
    ----------
    lab : ndarray of float32, shape (n, s, s, 3)
    frequencies : int
        Kept along each axis.

    Returns
    -------
    ndarray of float32, shape (n, 3 · (frequencies² - 1))
    """
    n, side = lab.shape[:2]
    cosines = _cosines(side, frequencies)
    rows = np.matmul(cosines, lab.astype(np.float64).reshape(n, side, side * 3))
    both = np.matmul(cosines, rows.reshape(n, frequencies, side, 3))
    waves = both.reshape(n, -1)[:, 3:]
    length = np.sqrt(np.square(waves).sum(axis=1, keepdims=True))
    return np.asarray(waves / np.maximum(length, 1e-6), np.float32)


def palette(images: np.ndarray) -> np.ndarray:
    """Square roots of the shares of hue, saturation and value bins (Hellinger map), unit length.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, s, s, 3), RGB

    Returns
    -------
    ndarray of float32, shape (n, 128)
    """
    hsv = _convert(images, cv2.COLOR_RGB2HSV).astype(np.int64)
    hues, saturations, values = HSV_BINS
    bins = hsv[..., 0] * hues // HUES
    bins = bins * saturations + hsv[..., 1] * saturations // 256
    bins = bins * values + hsv[..., 2] * values // 256
    width = hues * saturations * values
    n = len(images)
    bins += np.arange(n)[:, None, None] * width
    counts = np.bincount(bins.ravel(), minlength=n * width).reshape(n, width)
    return np.asarray(np.sqrt(counts / (images.shape[1] * images.shape[2])), np.float32)


def _convert(images: np.ndarray, code: int) -> np.ndarray:
    """Convert all images in one call, as one tall image."""
    n, side = images.shape[:2]
    tall = np.ascontiguousarray(images).reshape(n * side, -1, 3)
    return np.asarray(cv2.cvtColor(tall, code)).reshape(images.shape)


def _cosines(side: int, frequencies: int) -> np.ndarray:
    """Orthonormal cosine basis (DCT-II), on a grid, shape (frequencies, side)."""
    pixels = np.arange(side) + 0.5
    waves = np.cos(np.pi / side * np.arange(frequencies)[:, None] * pixels[None, :])
    waves *= np.sqrt(2 / side)
    waves[0] /= np.sqrt(2)
    return on_grid(waves, COSINE_BITS)
