"""Steps that stand on a grid: enlarged pixels, and the blocks of strong JPEG compression."""

from __future__ import annotations

import numpy as np

FEWEST_PIXELS = 24
FEWEST_PERIODS = 6
BLOCK = 8


def grid_share(gray: np.ndarray) -> float:
    """Return how far all steps between neighboring pixels lie on an even grid, 0 to 1.

    The largest Fourier coefficient of the steps summed along each line, as a share of their sum: 1
    where all steps are on lines at equal distances, as after enlarging without smoothing. The
    smaller of both axes; NaN for images below 24 pixels a side.
    """
    if min(gray.shape) < FEWEST_PIXELS:
        return float("nan")
    return min(_strongest_period(steps) for steps in _steps(gray))


def block_edges(gray: np.ndarray) -> float:
    """Return log10 of the steps at the edges of 8 × 8 blocks over those inside.

    The smaller of both axes, at the phase where it is largest; NaN below 24 pixels a side.
    """
    if min(gray.shape) < FEWEST_PIXELS:
        return float("nan")
    return min(_block_ratio(steps) for steps in _steps(gray))


def _steps(gray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums of absolute steps from column to column and from line to line."""
    import cv2

    across = cv2.absdiff(gray[:, 1:], gray[:, :-1])
    down = cv2.absdiff(gray[1:], gray[:-1])
    return (
        cv2.reduce(across, 0, cv2.REDUCE_SUM, dtype=cv2.CV_64F).ravel(),
        cv2.reduce(down, 1, cv2.REDUCE_SUM, dtype=cv2.CV_64F).ravel(),
    )


def _strongest_period(steps: np.ndarray) -> float:
    total = steps.sum()
    if total == 0:
        return 0.0
    return float(np.abs(np.fft.rfft(steps))[FEWEST_PERIODS:].max() / total)


def _block_ratio(steps: np.ndarray) -> float:
    whole = steps[: len(steps) // BLOCK * BLOCK].reshape(-1, BLOCK).mean(axis=0)
    edge = whole.max()
    inside = (whole.sum() - edge) / (BLOCK - 1)
    least = 1e-2 * max(float(whole.sum()), 1.0)
    return float(np.log10((edge + least) / (inside + least)))
