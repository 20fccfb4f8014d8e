"""Quality of images: unreadable, blank, dark, bright, blurry, uninformative, odd, gray, turned.

Costs one pass over the pixels. Blur is the variance of the Laplacian (Pech-Pacheco et al., 2000)
relative to the contrast of the image, compared with the corpus: the plain variance calls every
smooth subject blurry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from thresher.core.errors import InputError
from thresher.core.images import fit_square

from .fences import fences
from .orientation import SIDE, orientation_finding
from .result import Finding, finding

DARK, BRIGHT = 36.0, 235.0
BLANK_SPREAD = 2.0
FEWEST_BITS = 1.0
GRAY_TOLERANCE = 3.0
# Photographs from the web are gray for 2 to 4 %: not a defect, so only rarer cases count.
RARE_SHARE = 0.01
WIDEST_ASPECT = 3.0
# On fewer pixels a side, smooth strokes and a lost focus look the same.
BLUR_SIDE = 16
STATISTICS = ("height", "width", "low", "high", "spread", "sharpness", "bits", "colour", "mean")
# More thumbnails are not held in memory (3 KB each) to be looked at for their orientation.
MOST_THUMBNAILS = 100_000


def image_findings(
    images: np.ndarray | Sequence[Any],
) -> tuple[list[Finding], tuple[str, ...], dict[str, np.ndarray]]:
    """Return findings, notes and properties of images: uint8 (n, h, w, 3), or arrays and None."""
    table, thumbnails = _measure_all(images)
    height, width, low, high, spread, sharpness, bits, colour, mean = table.T
    readable = np.isfinite(height)
    blank = readable & (spread < BLANK_SPREAD)
    whole = readable & ~blank
    dark = whole & (high < DARK)
    bright = whole & (low > BRIGHT)
    turned, note = orientation_finding(thumbnails, whole[: len(thumbnails)])
    findings = [
        finding("unreadable", ~readable, scores=0.0, details="the image cannot be read"),
        finding("blank", blank, scores=0.0, details="all pixels have nearly one colour"),
        finding("dark", dark, scores=0.4 * high / DARK, details=_levels("brightest", high, dark)),
        finding(
            "bright",
            bright,
            scores=0.4 * (255 - low) / (255 - BRIGHT),
            details=_levels("darkest", low, bright),
        ),
        _blurry(sharpness, whole & (np.fmin(height, width) >= BLUR_SIDE)),
        _little_information(bits, whole),
        _odd_aspect(np.log(width / height), readable),
        _odd_size(np.log(np.sqrt(width * height)), readable),
        _gray_among_colour(colour, whole),
        turned,
    ]
    properties = {
        "brightness": mean,
        "contrast": spread,
        "sharpness": sharpness,
        "information": bits,
        "colour": colour,
        "aspect": np.log(width / height),
        "size": np.log(width * height),
    }
    return findings, _notes(note, len(thumbnails), len(images)), properties


def _notes(note: str | None, looked_at: int, n: int) -> tuple[str, ...]:
    if note is None:
        return ()
    part = f" (the first {looked_at:,} images were looked at)" if looked_at < n else ""
    return (note + part,)


def image_statistics(images: np.ndarray | Sequence[Any]) -> np.ndarray:
    """Measure every image.

    Returns
    -------
    ndarray of float64, shape (n, 9)
        The columns of `STATISTICS`: height and width in pixels; 2nd and 98th percentile and
        standard deviation of the luminance, 0–255; log10 of the variance of the Laplacian over the
        variance of the luminance; entropy of the luminance histogram in bits; mean difference
        between the channels, 0–255; mean luminance. NaN rows for unreadable images.
    """
    return _measure_all(images)[0]


def _measure_all(images: np.ndarray | Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the statistics of all images and thumbnails of the first ones, in one pass."""
    table = np.full((len(images), len(STATISTICS)), np.nan)
    thumbnails = np.zeros((min(len(images), MOST_THUMBNAILS), SIDE, SIDE, 3), np.uint8)
    for row, image in enumerate(images):
        if image is None:
            continue
        pixels = _checked(image)
        table[row] = _measure(pixels)
        if row < len(thumbnails):
            small = fit_square(pixels, SIDE)
            thumbnails[row] = small[..., None] if small.ndim == 2 else small
    return table, thumbnails


def _checked(image: Any) -> np.ndarray:
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or 0 in array.shape:
        raise InputError(
            "An image must be a uint8 array of shape (height, width, 3) or (height, width), or "
            f"None; got {array.dtype} of shape {array.shape}."
        )
    if array.ndim == 3 and array.shape[2] not in (1, 3):
        raise InputError(f"An image has 1 or 3 channels last, got shape {array.shape}.")
    return np.ascontiguousarray(array[:, :, 0] if array.shape[2:] == (1,) else array)


def _measure(image: np.ndarray) -> tuple[float, ...]:
    import cv2

    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    counts = cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    shares = counts / counts.sum()
    levels = np.arange(256)
    mean = float(shares @ levels)
    variance = float(shares @ (levels - mean) ** 2)
    cumulated = shares.cumsum()
    low, high = np.searchsorted(cumulated, [0.02, 0.98])
    positive = shares[shares > 0]
    bits = float(-(positive * np.log2(positive)).sum())
    edges = cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_32F))[1].item() ** 2
    sharpness = np.log10((edges + 1e-3) / (variance + 1e-3))
    colour = 0.0
    if image.ndim == 3:
        red, green, blue = cv2.split(image)
        colour = max(
            cv2.mean(cv2.absdiff(red, green))[0],
            cv2.mean(cv2.absdiff(green, blue))[0],
            cv2.mean(cv2.absdiff(red, blue))[0],
        )
    height, width = gray.shape
    spread = float(np.sqrt(variance))
    return height, width, float(low), float(min(high, 255)), spread, sharpness, bits, colour, mean


def _levels(which: str, levels: np.ndarray, mask: np.ndarray) -> list[str]:
    return [f"{which} pixels at {level:.0f} of 255" for level in levels[mask]]


def _blurry(sharpness: np.ndarray, whole: np.ndarray) -> Finding:
    lower, _ = fences(sharpness[whole], reach=2.0, least=0.1)
    mask = whole & (sharpness < lower)
    details = [
        f"relative sharpness 10^{value:.1f}, corpus limit 10^{lower:.1f}"
        for value in sharpness[mask]
    ]
    scores = 0.5 * 10 ** np.clip(sharpness - lower, -3, 0)
    return finding("blurry", mask, scores=np.nan_to_num(scores, nan=1.0), details=details)


def _little_information(bits: np.ndarray, whole: np.ndarray) -> Finding:
    lower, _ = fences(bits[whole], reach=3.0, least=0.5)
    mask = whole & (bits < FEWEST_BITS) & (bits < max(lower, 0.2))
    details = [f"{value:.2f} bits a pixel" for value in bits[mask]]
    return finding("little information", mask, scores=0.5 * bits / FEWEST_BITS, details=details)


def _odd_aspect(log_ratio: np.ndarray, readable: np.ndarray) -> Finding:
    lower, upper = fences(log_ratio[readable], reach=3.0, least=0.1)
    far = (log_ratio < lower) | (log_ratio > upper) | ~np.isfinite([lower]).all()
    mask = readable & (np.abs(log_ratio) > np.log(WIDEST_ASPECT)) & far
    details = [f"width is {np.exp(value):.2f} × height" for value in log_ratio[mask]]
    return finding("odd aspect", mask, scores=0.4, details=details)


def _odd_size(log_side: np.ndarray, readable: np.ndarray) -> Finding:
    lower, upper = fences(log_side[readable], reach=3.0, least=np.log(2) / 2)
    mask = readable & ((log_side < lower) | (log_side > upper))
    details = [f"mean side {np.exp(value):.0f} pixels" for value in log_side[mask]]
    return finding("odd size", mask, scores=0.4, details=details)


def _gray_among_colour(colour: np.ndarray, whole: np.ndarray) -> Finding:
    gray = whole & (colour < GRAY_TOLERANCE)
    rare = gray.sum() <= RARE_SHARE * whole.sum()
    return finding(
        "gray",
        gray & rare,
        scores=0.45,
        details="no colour, among images in colour",
    )
