"""Plain numbers as directions: for vectors of which not only the direction counts.

Cosines compare directions. Of points far from the origin all directions are nearly the same, and
of two points on one ray they are the same. Centered, scaled by column, and with a further
coordinate of one (as in homogeneous coordinates) points have directions of their own: near points
have near ones, and the farther a point lies from the middle, the nearer its direction comes to the
plane that those at infinity have. O(n d).
"""

from __future__ import annotations

import warnings

import numpy as np

from .errors import ThresherWarning

# Length of the mean of all directions from which they tell little: all within some 11 degrees.
ONE_DIRECTION = 0.98
# How many times as far from the middle as the median row one must lie to be beyond directions, or
# how many quartile widths: among many columns one far number does not multiply the distance.
FAR_OUT, FAR_WIDTHS = 6.0, 6.0
FEWEST_ROWS = 8
# Of lengths of vectors that were scaled to one, in half precision.
UNIT = 2e-3


def is_unit_length(vectors: np.ndarray) -> bool:
    """Tell whether all rows, shape (n, d), have length one or are zero: embeddings, surely."""
    with np.errstate(over="ignore"):
        norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    return bool(((np.abs(norms - 1) < UNIT) | (norms == 0)).all())


def one_direction(vectors: np.ndarray) -> bool:
    """Tell whether rows of any length, shape (n, d), differ and yet all point the same way."""
    if len(vectors) < FEWEST_ROWS or not vectors.shape[1] or is_unit_length(vectors):
        return False
    wide = vectors.astype(np.float64)
    with np.errstate(over="ignore"):
        norms = np.linalg.norm(wide, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or not (norms > 0).all():
        return False
    mean = (wide / norms).mean(axis=0)
    return bool(np.linalg.norm(mean) > ONE_DIRECTION and np.ptp(wide, axis=0).any())


def warn_of_one_direction(vectors: np.ndarray) -> None:
    """Warn, at the door of what compares directions, where these tell rows hardly apart."""
    if vectors.ndim == 2 and one_direction(vectors):
        warnings.warn(
            "All vectors point nearly the same way, and only their directions are compared. Embed "
            "numbers with the encoder 'builtin:features', or center them first.",
            ThresherWarning,
            stacklevel=4,
        )


def distances_from_middle(vectors: np.ndarray) -> np.ndarray | None:
    """Return how far rows of any length, shape (n, d), lie from the middle; float64, shape (n,).

    In units of the columns' deviations; None for vectors of length one, for few rows, and where no
    row lies much farther out than most.
    """
    if vectors.ndim != 2 or len(vectors) < FEWEST_ROWS or not vectors.shape[1]:
        return None
    if is_unit_length(vectors) or not np.isfinite(vectors).all():
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        distances = np.linalg.norm(_standardized(vectors), axis=1)
    if not np.isfinite(distances).all():  # numbers whose squares no float holds
        return None
    lower, median, upper = np.quantile(np.sqrt(distances), [0.25, 0.5, 0.75])
    limit = min(FAR_OUT**0.5 * median, upper + FAR_WIDTHS * max(upper - lower, 0.02 * median))
    return distances if np.sqrt(distances.max()) > max(limit, 1e-12) else None


def lifted(vectors: np.ndarray) -> np.ndarray:
    """Return a direction for each point, unit length, float32, shape (n, d + 1)."""
    centered = _standardized(vectors)
    middle = float(np.median(np.linalg.norm(centered, axis=1))) or 1.0
    points = np.concatenate([centered / middle, np.ones((len(centered), 1))], axis=1)
    unit: np.ndarray = points / np.linalg.norm(points, axis=1, keepdims=True)
    return unit.astype(np.float32)


def _standardized(vectors: np.ndarray) -> np.ndarray:
    """Center columns by their median and divide by their quartile range, which outliers leave."""
    wide = vectors.astype(np.float64)
    low, middle, high = np.quantile(wide, [0.25, 0.5, 0.75], axis=0)
    width = (high - low) / 1.349
    deviation = wide.std(axis=0)
    width = np.where(width > 1e-9 * deviation, width, deviation)
    return np.asarray((wide - middle) / np.where(width > 0, width, 1.0))
