"""Ranges of activations: from calibration rows to a scale and a zero point.

All methods work on a histogram, so that the choice of method needs no second look at the rows.
Percentile and entropy clipping: Migacz (2017), "8-bit inference with TensorRT"; error clipping:
Banner et al. (2019), "Post training 4-bit quantization of convolutional networks". Cost: O(n) to
fill the histogram, O(bins · candidates) to choose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from thresher.core.errors import check_choice

RANGE_METHODS = ("minmax", "moving_average", "percentile", "mse", "entropy")
BINS = 2048
_CANDIDATES = 64
_NARROWEST = 0.125
_PERCENTILE = 99.99


@dataclass
class RangeObserver:
    """Values seen at one place of the network: extremes, their moving average, a histogram.

    The extremes are collected first (`see`), the histogram in a second pass (`count`), whose
    bins are then exact and whose result does not depend on the order of the batches.
    """

    momentum: float = 0.9
    low: float = float("inf")
    high: float = float("-inf")
    average: tuple[float, float] | None = None
    histogram: np.ndarray = field(default_factory=lambda: np.zeros(BINS))
    sizes: list[np.ndarray] = field(default_factory=list)

    def see(self, values: torch.Tensor) -> None:
        """Take the extremes of one batch, and the largest absolute value of each of its rows."""
        low, high = (float(bound) for bound in torch.aminmax(values.detach()))
        rows = values.detach().float().abs().reshape(values.shape[0] if values.dim() else 1, -1)
        self.sizes.append(rows.amax(1).cpu().numpy())
        self.low, self.high = min(self.low, low), max(self.high, high)
        old = self.average or (low, high)
        keep = self.momentum
        self.average = (keep * old[0] + (1 - keep) * low, keep * old[1] + (1 - keep) * high)

    def count(self, values: torch.Tensor) -> None:
        """Add one batch to the histogram over [low, high]."""
        flat = values.detach().float().flatten()
        counts = torch.histc(flat, bins=BINS, min=self.low, max=self._top())
        self.histogram += counts.double().cpu().numpy()

    def _top(self) -> float:
        return self.high if self.high > self.low else self.low + 1.0

    def range(self, method: str, levels: int) -> tuple[float, float]:
        """Choose the range [low, high], which always holds 0.

        Parameters
        ----------
        method : {"minmax", "moving_average", "percentile", "mse", "entropy"}
        levels : int
            Number of integers that the range is cut into (256 for 8 bits).
        """
        check_choice("calibration", method, RANGE_METHODS)
        if method == "minmax" or self.high <= self.low:
            return _with_zero(self.low, self.high)
        if method == "moving_average" and self.average is not None:
            return _with_zero(*self.average)
        centers = np.linspace(self.low, self._top(), BINS * 2 + 1)[1::2]
        if method == "percentile":
            return _with_zero(*_percentile_range(centers, self.histogram))
        score = _squared_error if method == "mse" else _divergence
        return _narrowest(self, lambda low, high: score(self, centers, low, high, levels))


def affine(low: float, high: float, top: int) -> tuple[float, int]:
    """Return the scale and zero point that map [low, high] to the integers [0, top]."""
    low, high = _with_zero(low, high)
    scale = max((high - low) / top, float(np.finfo(np.float32).tiny) * top)
    return scale, int(np.clip(round(-low / scale), 0, top))


def _with_zero(low: float, high: float) -> tuple[float, float]:
    return min(low, 0.0), max(high, 0.0)


def _percentile_range(centers: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    share = np.cumsum(counts) / counts.sum()
    tail = (100 - _PERCENTILE) / 100
    last = len(centers) - 1
    low, high = (min(int(np.searchsorted(share, at)), last) for at in (tail, 1 - tail))
    return float(centers[low]), float(centers[high])


def _narrowest(
    observer: RangeObserver,
    score: Callable[[float, float], float],
) -> tuple[float, float]:
    """Try ranges shrunk in equal steps on both sides; return the one with the lowest score."""
    low, high = _with_zero(observer.low, observer.high)
    best, best_score = (low, high), float("inf")
    for step in range(_CANDIDATES):
        shrink = 1 - (1 - _NARROWEST) * step / _CANDIDATES
        got = score(low * shrink, high * shrink)
        if got < best_score:
            best, best_score = (low * shrink, high * shrink), got
    return best


def _squared_error(
    observer: RangeObserver, centers: np.ndarray, low: float, high: float, levels: int
) -> float:
    scale, zero_point = affine(low, high, levels - 1)
    grid = np.clip(np.rint(centers / scale) + zero_point, 0, levels - 1)
    error = (grid - zero_point) * scale - centers
    return float((observer.histogram * error**2).sum())


def _divergence(
    observer: RangeObserver, centers: np.ndarray, low: float, high: float, levels: int
) -> float:
    """Kullback–Leibler divergence of the clipped histogram from its cut into `levels` levels."""
    scale, zero_point = affine(low, high, levels - 1)
    grid = np.clip(np.rint(centers / scale) + zero_point, 0, levels - 1).astype(np.int64)
    # Zero is exact on every grid, and after ReLU so frequent that it would hide all the rest.
    histogram = np.where(np.abs(centers) <= np.diff(centers[:2]) / 2, 0, observer.histogram)
    clipped = histogram.copy()
    inside = (centers >= low) & (centers <= high)
    clipped[~inside] = 0
    positions = np.flatnonzero(inside)
    if not len(positions):
        return float("inf")
    clipped[positions[0]] += histogram[: positions[0]].sum()
    clipped[positions[-1]] += histogram[positions[-1] + 1 :].sum()
    occupied = inside & (histogram > 0)
    mass = np.bincount(grid[inside], weights=histogram[inside], minlength=levels)
    width = np.bincount(grid[occupied], minlength=levels)
    coarse = np.where(occupied, mass[grid] / np.maximum(width[grid], 1), 0)
    p, q = clipped / clipped.sum(), coarse / max(coarse.sum(), 1e-12)
    used = p > 0
    return float((p[used] * np.log(p[used] / np.maximum(q[used], 1e-12))).sum())
