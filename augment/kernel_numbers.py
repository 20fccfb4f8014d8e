"""Numbers that both backends need: noise for erased boxes, weights for blurs and sharpening."""

from __future__ import annotations

import numpy as np

from .keyed import mix64


def box_noise(number: float, shape: tuple[int, ...]) -> np.ndarray:
    """Return uint8 noise for a box (h, w, C) from an integer below 2**53, given as a float."""
    size = int(np.prod(shape))
    words = np.arange(1, size // 8 + 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    octets = mix64(words + np.uint64(int(number))).astype("<u8").view(np.uint8)
    return octets[:size].reshape(shape)


def sharpen_shares(factor: np.ndarray) -> np.ndarray:
    """Return (n, 2): how much of the image and of its 3×3 mean a sharpened image holds.

    PIL's smoothing is the 3×3 sum plus four times the centre, divided by 13.
    """
    smooth = 1 - factor
    return np.stack([factor + smooth * (4 / 13), smooth * (9 / 13)], axis=1)


def gaussian_weights(sigma: np.ndarray, radius: int) -> np.ndarray:
    """Return weights in 256ths, float32 (n, 2·radius + 1), symmetric, each row's sum exactly 256.

    A row reaches three standard deviations to each side. Whole 256ths make blurring exact in
    integers, so that it gives the same bits everywhere and leaves even areas as they are.
    """
    place = np.arange(-radius, radius + 1)[None, :]
    weights = np.exp(-0.5 * (place / np.maximum(sigma, 1e-3)[:, None]) ** 2)
    weights[np.abs(place) > np.ceil(3 * sigma)[:, None]] = 0
    # Rounding the running sum keeps what tails smaller than half a 256th add up to.
    sums = np.round(np.cumsum(weights, axis=1) * (256 / weights.sum(axis=1, keepdims=True)))
    side = np.diff(sums[:, :radius], axis=1, prepend=0)
    centre = 256 - 2 * side.sum(axis=1, keepdims=True)
    return np.concatenate([side, centre, side[:, ::-1]], axis=1).astype(np.float32)
