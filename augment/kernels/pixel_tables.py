"""Look-up tables of the operations that change each pixel by its own value.

One table is built from the parameters and a few exact statistics of the image (sums, extremes,
histograms of integers), so that every backend and device gets the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..operations.photometry import GRAY_WEIGHTS, TABLE_RULES

_LEVELS = np.arange(256, dtype=np.float64)
_BYTES = np.arange(256, dtype=np.uint8)


@dataclass(frozen=True)
class Statistics:
    """What tables need to know of n images with C channels, each computed when asked for.

    ``means`` gives float64 (k, C), ``extremes`` two arrays (k, C), ``histograms`` counts
    (k, C, 256), for the k positions given.
    """

    means: Callable[[np.ndarray], np.ndarray]
    extremes: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    histograms: Callable[[np.ndarray], np.ndarray]


def mean_gray(means: np.ndarray) -> np.ndarray:
    """Return the mean gray (n,) of images with channel means (n, C), C of 1 or 3."""
    if means.shape[1] == 1:
        return means[:, 0]
    weighted = means * GRAY_WEIGHTS
    return np.asarray(weighted[:, 0] + weighted[:, 1] + weighted[:, 2])


def build_tables(rows: np.ndarray, statistics: Statistics, *, channels: int) -> np.ndarray:
    """Return uint8 tables (n, C, 256) for kernel rows (n, 2) of (rule, amount)."""
    tables = np.empty((len(rows), channels, 256), dtype=np.uint8)
    for rule in np.unique(rows[:, 0]).astype(int).tolist():
        chosen = np.flatnonzero(rows[:, 0] == rule)
        name, amount = TABLE_RULES[rule], rows[chosen, 1]
        if name == "autocontrast":
            tables[chosen] = stretched_levels(*statistics.extremes(chosen))
        elif name == "equalize":
            tables[chosen] = equalized_levels(statistics.histograms(chosen))
        elif name == "contrast":
            center = np.floor(mean_gray(statistics.means(chosen)) + 0.5)
            tables[chosen] = _contrast(amount, center)[:, None]
        else:
            tables[chosen] = _SIMPLE[name](amount)[:, None]
    return tables


def _to_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)


def _brightness(factor: np.ndarray) -> np.ndarray:
    return _to_bytes(factor[:, None] * _LEVELS)


def _contrast(factor: np.ndarray, center: np.ndarray) -> np.ndarray:
    return _to_bytes(center[:, None] + factor[:, None] * (_LEVELS - center[:, None]))


def _posterize(bits_removed: np.ndarray) -> np.ndarray:
    step = 2 ** bits_removed.astype(np.int64)[:, None]
    return np.asarray(np.arange(256) // step * step).astype(np.uint8)


def solarized_levels(threshold: np.ndarray) -> np.ndarray:
    """Return tables (n, 256) that invert the levels from a threshold (n,) on."""
    return np.where(threshold[:, None] > _LEVELS, _BYTES, 255 - _BYTES)


def _invert(applied: np.ndarray) -> np.ndarray:
    return np.where(applied[:, None] > 0, 255 - _BYTES, _BYTES)


_SIMPLE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "brightness": _brightness,
    "posterize": _posterize,
    "solarize": solarized_levels,
    "invert": _invert,
}


def stretched_levels(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return tables (…, 256) that stretch each range, of levels (…), to 0 … 255."""
    flat = high <= low
    spread = np.where(flat, 1, high - low)[..., None]
    # 255 · (level − low) / spread, halves exactly up.
    stretched = np.floor((510 * (_LEVELS - low[..., None]) + spread) / (2 * spread))
    stretched = np.where(flat[..., None], _LEVELS, stretched)
    return np.clip(stretched, 0, 255).astype(np.uint8)


def equalized_levels(histograms: np.ndarray) -> np.ndarray:
    """Return tables for counts (…, 256), both of each plane, that even the counts out.

    PIL's rule: the cumulative count divided by the count a level would have on average.
    """
    total = float(histograms.reshape(-1, 256)[:1].sum())
    # Whole numbers, exact as floats; a quotient is at least 1/step below the next whole one, so
    # that rounding never reaches it.
    kind = np.dtype(np.float32 if total < 2**20 else np.float64)
    counts = np.asarray(histograms, dtype=kind)
    last = 255 - np.argmax(counts[..., ::-1] > 0, axis=-1)
    step = (total - np.take_along_axis(counts, last[..., None], axis=-1)) // 255
    # In place: a block's arrays are large enough for fresh memory to take longer than arithmetic.
    spread = _counts_below(counts)
    spread += step // 2
    np.divide(spread, np.maximum(step, 1), out=spread)
    tables = np.asarray(np.minimum(spread, 255, out=spread), dtype=np.uint8)
    tables[step[..., 0] == 0] = np.arange(256)
    return tables


def _counts_below(counts: np.ndarray) -> np.ndarray:
    """Return how many values lie below each level, (…, 256) as the counts of the levels.

    In two steps of 16 by matrix products, exact for whole numbers: half of a cumsum's time.
    """
    before = np.triu(np.ones((16, 16), dtype=counts.dtype), 1)
    sixteens = counts.reshape(-1, 16)
    below = sixteens @ before
    sums = sixteens @ np.ones(16, dtype=counts.dtype)
    below += (sums.reshape(-1, 16) @ before).reshape(-1, 1)
    return np.asarray(below.reshape(counts.shape))
