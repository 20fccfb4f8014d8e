"""Numbers that both backends need: noise for erased boxes, weights for blurs."""

from __future__ import annotations

import math

import numpy as np

from .keyed import mix64


def box_noise(number: float, shape: tuple[int, ...]) -> np.ndarray:
    """Return uint8 noise of `shape` (C, H, W) from an integer below 2**53, given as a float."""
    place = np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(1)
    bits = mix64(place * np.uint64(0x9E3779B97F4A7C15) + np.uint64(int(number)))
    return (bits >> np.uint64(56)).astype(np.uint8).reshape(shape)


def blur_radius(sigma: float) -> int:
    """Return how many pixels a blur reaches to each side: three standard deviations."""
    return math.ceil(3 * sigma)


def gaussian_weights(sigma: np.ndarray, radius: int) -> np.ndarray:
    """Return float32 weights (n, 2·radius + 1) that sum to one, each row within its own reach."""
    place = np.arange(-radius, radius + 1)[None, :]
    weights = np.exp(-0.5 * (place / np.maximum(sigma, 1e-3)[:, None]) ** 2)
    weights[np.abs(place) > np.ceil(3 * sigma)[:, None]] = 0
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
