"""What EfficientNet-Lite0 sees of an image on the way to its last layer, and how much it knows it.

Layers in the middle still tell what the last one has learnt not to mind, such as a negative from a
photograph; they are given in ninths of the image. What it was trained on it knows best as it was
trained on, upright and in its own colors. 1 CPU-ms an image at 96 pixels (AVX-512 with VNNI). The
weights are those of ``meaning:image``.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .integer_network import Grid, write_layers
from .lite0 import read_blocks
from .meaning_image import BATCH, PIXEL_STEP, PIXEL_ZERO, RUNTIME, open_session
from .shipped import LITE0, lacking, read
from .torch_file import read_tensors

SIDE = 96
THIRDS = 3
# The last blocks of the fourth and the sixth stage, and the last layer.
SHOWN, CHANNELS = (8, 15, 17), (80, 192)
# Of the thousand classes of ImageNet.
CLASS_WEIGHTS, CLASS_BIASES = "_fc.weight", "_fc.bias"
Layers = tuple[np.ndarray, np.ndarray, np.ndarray]


def layers_lacking() -> str:
    """Say what is missing to see images so, or nothing: an empty text."""
    return lacking((LITE0,), runtime=RUNTIME)


def image_layers(images: np.ndarray) -> Layers:
    """Return the mean of each channel in each ninth of squares, uint8 (n, 96, 96, 3).

    Returns
    -------
    tuple of three ndarray of float32, shapes (n, 3, 3, 80), (n, 3, 3, 192) and (n,)
        The earlier layer first; from the top down, and from left to right. Then the logarithm of
        the sum of the classes' exponentials, which is the higher, the more an image is like those
        the network was trained on (W. Liu et al., "Energy-based Out-of-distribution Detection",
        NeurIPS 2020).

    Raises
    ------
    MissingExtraError, InputError
        When the weights are missing, or are others.
    """
    session, grids = _session()
    found = [np.empty((len(images), THIRDS, THIRDS, width), np.float32) for width in CHANNELS]
    known = np.empty(len(images), np.float32)
    for start in range(0, len(images), BATCH):
        pixels = np.ascontiguousarray(images[start : start + BATCH].transpose(0, 3, 1, 2))
        given = session.run(None, {"pixels": pixels})
        for layer, values, grid in zip(found, given[:2], grids[:2], strict=True):
            layer[start : start + BATCH] = _in_thirds(values, grid)
        known[start : start + BATCH] = _known(given[2], grids[2])
    return found[0], found[1], known


def _in_thirds(values: np.ndarray, grid: Grid) -> np.ndarray:
    n, channels, side, _ = values.shape
    each = side // THIRDS
    parts = values.reshape(n, channels, THIRDS, each, THIRDS, each)
    # Whole numbers: their sums are exact.
    sums = parts.sum(axis=(3, 5), dtype=np.int64) - grid.zero * each**2
    return np.asarray(sums.transpose(0, 2, 3, 1) * (grid.step / each**2))


def _known(values: np.ndarray, grid: Grid) -> np.ndarray:
    pixels = values.shape[2] * values.shape[3]
    sums = values.sum(axis=(2, 3), dtype=np.int64) - grid.zero * pixels
    weights, biases = _classes()
    scores = (sums * (grid.step / pixels)) @ weights.T + biases
    most = scores.max(axis=1)
    return np.asarray(most + np.log(np.exp(scores - most[:, None]).sum(axis=1)))


@cache
def _classes() -> tuple[np.ndarray, np.ndarray]:
    """Return weights and biases of the classes, float64 (1000, 1280) and (1000,)."""
    tensors = read_tensors(read(LITE0))
    return tensors[CLASS_WEIGHTS].astype(np.float64), tensors[CLASS_BIASES].astype(np.float64)


@cache
def _session() -> tuple[Any, tuple[Grid, ...]]:
    blocks = read_blocks(read_tensors(read(LITE0)))
    model, grids = write_layers(blocks, side=SIDE, step=PIXEL_STEP, zero=PIXEL_ZERO, shown=SHOWN)
    return open_session(model), grids
