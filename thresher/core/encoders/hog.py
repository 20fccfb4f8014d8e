"""Histograms of oriented gradients for many small images at once.

N. Dalal and B. Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005: signed
gradients, weights shared linearly between neighbouring orientations and cells, 2 × 2 cells a block,
L2 block norm. Cost: about 0.05 CPU-ms for 32 × 32 pixels.
"""

from __future__ import annotations

import numpy as np

# Below this gradient energy a block counts as flat; in units of the square root of grey levels.
FLOOR = 1e-2


def hog(grey: np.ndarray, *, cells: int = 4, orientations: int = 12) -> np.ndarray:
    """Describe where edges of which direction are.

    Parameters
    ----------
    grey : ndarray of float32, shape (n, s, s)
        Grey levels from 0 to 255.
    cells : int
        Cells along each side.
    orientations : int
        Directions of the full circle, so that light-to-dark differs from dark-to-light.

    Returns
    -------
    ndarray of float32, shape (n, (cells - 1)² · 4 · orientations)
    """
    votes = _votes(grey, orientations)
    n, side = grey.shape[:2]
    tent = _tent(side, cells)
    rows = np.matmul(tent, votes.reshape(n, side, side * orientations))
    grid = np.matmul(tent, rows.reshape(n, cells, side, orientations))
    corners = (grid[:, :-1, :-1], grid[:, :-1, 1:], grid[:, 1:, :-1], grid[:, 1:, 1:])
    blocks = np.concatenate(corners, axis=3)
    energy = np.square(blocks).sum(axis=3, keepdims=True)
    return np.asarray(blocks / np.sqrt(energy + FLOOR)).reshape(n, -1)


def _votes(grey: np.ndarray, orientations: int) -> np.ndarray:
    """Split each pixel's gradient length between its two nearest orientations, (n, s, s, o)."""
    # The square root lowers the weight of bright regions (section 6.1 of the paper).
    padded = np.pad(np.sqrt(grey), ((0, 0), (1, 1), (1, 1)), mode="edge")
    across = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    length = np.hypot(across, down)
    angle = np.arctan2(down, across) * np.float32(orientations / (2 * np.pi)) - np.float32(0.5)
    below = np.floor(angle)
    share = (angle - below) * length
    first = below.astype(np.int64) % orientations
    votes = np.zeros((*grey.shape, orientations), np.float32)
    np.put_along_axis(votes, first[..., None], (length - share)[..., None], axis=3)
    np.put_along_axis(votes, ((first + 1) % orientations)[..., None], share[..., None], axis=3)
    return votes


def _tent(side: int, cells: int) -> np.ndarray:
    """Weights of pixels for cells, shape (cells, side): one at a cell's centre, zero a cell off."""
    width = side / cells
    centres = (np.arange(cells) + 0.5) * width
    pixels = np.arange(side) + 0.5
    distance = np.abs(pixels[None, :] - centres[:, None])
    return np.maximum(0, 1 - distance / width).astype(np.float32)
