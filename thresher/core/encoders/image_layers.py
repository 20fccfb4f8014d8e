"""What EfficientNet-Lite0 sees of an image on the way to its last layer, in ninths of the image.

Layers in the middle still tell what the last one has learnt not to mind, such as a negative from a
photograph. 1 CPU-ms an image at 96 pixels (AVX-512 with VNNI). The weights are those of
``meaning:image``.
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
# The last blocks of the fourth and the sixth stage; the network ends there.
SHOWN, CHANNELS = (8, 15), (80, 192)
Layers = tuple[np.ndarray, np.ndarray]


def layers_lacking() -> str:
    """Say what is missing to see images so, or nothing: an empty text."""
    return lacking((LITE0,), runtime=RUNTIME)


def image_layers(images: np.ndarray) -> Layers:
    """Return the mean of each channel in each ninth of squares, uint8 (n, 96, 96, 3).

    Returns
    -------
    tuple of two ndarray of float32, shapes (n, 3, 3, 80), (n, 3, 3, 192)
        The earlier layer first; from the top down, and from left to right.

    Raises
    ------
    MissingExtraError, InputError
        When the weights are missing, or are others.
    """
    session, grids = _session()
    found = [np.empty((len(images), THIRDS, THIRDS, width), np.float32) for width in CHANNELS]
    for start in range(0, len(images), BATCH):
        pixels = np.ascontiguousarray(images[start : start + BATCH].transpose(0, 3, 1, 2))
        given = session.run(None, {"pixels": pixels})
        for layer, values, grid in zip(found, given, grids, strict=True):
            layer[start : start + BATCH] = _in_thirds(values, grid)
    return found[0], found[1]


def _in_thirds(values: np.ndarray, grid: Grid) -> np.ndarray:
    n, channels, side, _ = values.shape
    each = side // THIRDS
    parts = values.reshape(n, channels, THIRDS, each, THIRDS, each)
    # Whole numbers: their sums are exact.
    sums = parts.sum(axis=(3, 5), dtype=np.int64) - grid.zero * each**2
    return np.asarray(sums.transpose(0, 2, 3, 1) * (grid.step / each**2))


@cache
def _session() -> tuple[Any, tuple[Grid, ...]]:
    blocks = read_blocks(read_tensors(read(LITE0)))[: SHOWN[-1] + 1]
    model, grids = write_layers(blocks, side=SIDE, step=PIXEL_STEP, zero=PIXEL_ZERO, shown=SHOWN)
    return open_session(model), grids
