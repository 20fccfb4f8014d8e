"""What is measured of one image: one pass over its pixels, in native code, some 1 ms at 224 px.

Sources: variance of the Laplacian (Pech-Pacheco et al., 2000); noise by the median of the diagonal
detail of a Haar transform (Donoho and Johnstone, 1994); the rest is plain counting.
"""

from __future__ import annotations

import numpy as np

from .borders import Borders, measure_borders
from .grids import block_edges, grid_share
from .pages import count_text_lines
from .shifted import line_shift

STATISTICS = (
    "height",
    "width",
    "low",
    "high",
    "range",
    "spread",
    "sharpness",
    "bits",
    "color",
    "mean",
    "edge",
    "noise",
    "across",
    "down",
    "weakest",
    "strongest",
    "grid",
    "blocks",
    "lines",
    "shift",
    *Borders._fields,
)
# Second differences along a line, a column and both diagonals.
DIRECTIONS = tuple(
    np.array(kernel, np.float32)
    for kernel in (
        [[0, 0, 0], [-1, 2, -1], [0, 0, 0]],
        [[0, -1, 0], [0, 2, 0], [0, -1, 0]],
        [[-1, 0, 0], [0, 2, 0], [0, 0, -1]],
        [[0, 0, -1], [0, 2, 0], [-1, 0, 0]],
    )
)
SHARPEST = 0.999
# Of a bell curve's absolute values a fifth lies below this many standard deviations. Noise is
# everywhere, detail is not: its median would call fur and grass noisy.
QUIETEST, FIFTH = 0.2, 0.2533


def measure_image(image: np.ndarray) -> tuple[float, ...]:
    """Measure one image, uint8 (h, w) or (h, w, 3): the values of `STATISTICS`."""
    import cv2

    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    low, high, extent, mean, variance, bits = _levels(gray)
    edges = cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_32F))[1].item() ** 2
    color, weakest, strongest = _colors(image)
    across, down = _neighbors(gray, variance)
    return (
        *gray.shape,
        low,
        high,
        extent,
        variance**0.5,
        np.log10((edges + 1e-3) / (variance + 1e-3)),
        bits,
        color,
        mean,
        _weakest_edge(gray, variance**0.5),
        _noise(gray),
        across,
        down,
        weakest,
        strongest,
        grid_share(gray),
        block_edges(gray),
        count_text_lines(gray),
        line_shift(gray, down),
        *measure_borders(gray),
    )


def _levels(gray: np.ndarray) -> tuple[float, float, float, float, float, float]:
    """Return 2nd and 98th percentile, range of all but 0.2 %, mean, variance, entropy in bits."""
    import cv2

    counts = cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    shares = counts / counts.sum()
    levels = np.arange(256)
    mean = float(shares @ levels)
    variance = float(shares @ (levels - mean) ** 2)
    darkest, low, high, lightest = np.searchsorted(shares.cumsum(), [0.001, 0.02, 0.98, 0.999])
    positive = shares[shares > 0]
    bits = float(-(positive * np.log2(positive)).sum())
    extent = min(lightest, 255) - darkest
    return float(low), float(min(high, 255)), float(extent), mean, variance, bits


def _colors(image: np.ndarray) -> tuple[float, float, float]:
    """Return the largest mean difference between channels, and the weakest and strongest channel.

    The weakest by its spread as a share of the largest, 1 for gray images; the strongest by its
    mean.
    """
    import cv2

    if image.ndim == 2:
        return 0.0, 1.0, cv2.mean(image)[0]
    red, green, blue = cv2.split(image)
    color = max(
        cv2.mean(cv2.absdiff(red, green))[0],
        cv2.mean(cv2.absdiff(green, blue))[0],
        cv2.mean(cv2.absdiff(red, blue))[0],
    )
    means, spreads = cv2.meanStdDev(image)
    weakest = (spreads.min() + 1e-3) / (spreads.max() + 1e-3)
    return color, float(weakest), float(means.max())


def _weakest_edge(gray: np.ndarray, spread: float) -> float:
    """Return log10 of the sharpest edges in the direction that has the least sharp ones.

    The 99.9th percentile of the absolute second difference over the standard deviation: an image
    with any part in focus has sharp edges in all directions, a shaken one lacks those along its
    movement, and one out of focus lacks all.
    """
    import cv2

    found = []
    for kernel in DIRECTIONS:
        steps = cv2.convertScaleAbs(cv2.filter2D(gray, cv2.CV_16S, kernel))
        counts = cv2.calcHist([steps], [0], None, [256], [0, 256]).ravel().cumsum()
        found.append(int(np.searchsorted(counts, SHARPEST * counts[-1])))
    return float(np.log10((min(found) + 0.1) / (spread + 0.1)))


def _noise(gray: np.ndarray) -> float:
    """Return the standard deviation of the noise, in levels; NaN below 4 pixels a side."""
    height, width = gray.shape[0] & ~1, gray.shape[1] & ~1
    if min(height, width) < 4:
        return float("nan")
    even, odd = gray[:height:2, :width].astype(np.int16), gray[1:height:2, :width]
    down = even - odd
    detail = np.abs(down[:, ::2] - down[:, 1::2])
    counts = np.bincount(detail.ravel(), minlength=1021).cumsum()
    # A whole number stands for all that round to it.
    upper = np.arange(len(counts) + 1) - 0.5
    upper[0] = 0.0
    quiet = np.interp(QUIETEST * counts[-1], np.append(0, counts), upper)
    # The detail is the sum of four pixels, whose noise is twice that of one.
    return float(quiet) / FIFTH / 2


def _neighbors(gray: np.ndarray, variance: float) -> tuple[float, float]:
    """Return the correlation of pixels with their right and with their lower neighbors."""
    import cv2

    if min(gray.shape) < 2:
        return 1.0, 1.0
    across = cv2.norm(gray[:, 1:], gray[:, :-1], cv2.NORM_L2SQR) / gray[:, 1:].size
    down = cv2.norm(gray[1:], gray[:-1], cv2.NORM_L2SQR) / gray[1:].size
    doubled = 2 * variance + 1e-3
    return 1 - across / doubled, 1 - down / doubled
