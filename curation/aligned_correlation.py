"""How alike two small images are once one is moved to fit the other.

Normalised cross-correlation of pixels and of their detail (pixels less a blur), at the best of all
shifts of up to two pixels. Pixels alone make smooth unlike images alike; detail alone misses copies
that were blurred or compressed; their mean ranks copies better than either. Cost: 50 products of
3,072 values a pair at 32 pixels.
"""

from __future__ import annotations

import numpy as np

from thresher.core.progress import track

SHIFT = 2
BLUR = 1.5
PAIRS_PER_BLOCK = 1024
# Pairs that correlate less than this before any shift are not worth aligning.
HOPELESS = 0.3


def aligned_correlation(
    images: np.ndarray, first: np.ndarray, second: np.ndarray, *, flipped: np.ndarray
) -> np.ndarray:
    """Return the correlation of pairs of images at their best shift.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, s, s, 3)
    first, second : ndarray of int64, shape (m,)
    flipped : ndarray of bool, shape (m,)
        Whether to mirror the second image.

    Returns
    -------
    ndarray of float32, shape (m,)
        In [0, 1]; 0 for pairs that have no hope, and where an image is of one colour.
    """
    result = np.zeros(len(first), np.float32)
    starts = range(0, len(first), PAIRS_PER_BLOCK)
    for start in track(starts, description="align candidate images"):
        span = slice(start, start + PAIRS_PER_BLOCK)
        left = images[first[span]].astype(np.float32)
        right = images[second[span]].astype(np.float32)
        right[flipped[span]] = right[flipped[span], :, ::-1]
        hopeful = np.flatnonzero(_correlation(left, right) >= HOPELESS)
        if len(hopeful):
            result[start + hopeful] = _best_shift(left[hopeful], right[hopeful])
    return result


def _best_shift(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    layers = [(left, right), (_detail(left), _detail(right))]
    best = np.zeros(len(left), np.float32)
    for down in range(-SHIFT, SHIFT + 1):
        for across in range(-SHIFT, SHIFT + 1):
            both = [_correlation(*_overlap(pair, down, across)) for pair in layers]
            best = np.maximum(best, (both[0] + both[1]) / 2)
    return best.clip(0, 1)


def _overlap(
    pair: tuple[np.ndarray, np.ndarray], down: int, across: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut two stacks of images to where they overlap when the second is moved."""
    left, right = pair
    height, width = left.shape[1:3]
    rows, columns = slice(max(0, down), height + min(0, down)), _span(across, width)
    moved = slice(max(0, -down), height + min(0, -down)), _span(-across, width)
    return left[:, rows, columns], right[:, moved[0], moved[1]]


def _span(move: int, size: int) -> slice:
    return slice(max(0, move), size + min(0, move))


def _detail(images: np.ndarray) -> np.ndarray:
    import cv2

    return np.stack([image - cv2.GaussianBlur(image, (0, 0), BLUR) for image in images])


def _correlation(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    a, b = left.reshape(len(left), -1), right.reshape(len(right), -1)
    a = a - a.mean(axis=1, keepdims=True)
    b = b - b.mean(axis=1, keepdims=True)
    norms = np.sqrt(np.einsum("ij,ij->i", a, a) * np.einsum("ij,ij->i", b, b))
    shared = np.einsum("ij,ij->i", a, b)
    result: np.ndarray = np.divide(shared, norms, out=np.zeros_like(shared), where=norms > 1e-3)
    return result
