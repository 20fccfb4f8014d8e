"""Quality of images: unreadable, blank, damaged, odd, or altered as a whole.

Costs one pass over the pixels, some 1 ms at 224 pixels, and as much again for what is altered; more
where a network looks for what is turned, negative or swapped (`sight`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from thresher.core.counted import counted
from thresher.core.encoders.image_layers import SIDE as SEEN_SIDE
from thresher.core.encoders.image_layers import layers_lacking
from thresher.core.errors import InputError
from thresher.core.images import fit_square

from .altered import FEWEST_IMAGES
from .damage import BLANK_SPREAD, damage_findings
from .orientation import SIDE, orientation_finding
from .pixels import STATISTICS, measure_image
from .recolored import color_findings
from .result import Finding
from .sight import Sight

# More thumbnails are not held in memory (3 KB each) to be looked at for what was altered.
MOST_THUMBNAILS = 100_000
# And not more squares (28 KB each, and 5 KB of what is found in each) for the network.
MOST_SEEN = 10_000
# What is handed on of each image beside its shape, by the names of `pixels.STATISTICS`.
PROPERTIES = {
    "brightness": "mean",
    "contrast": "spread",
    "sharpness": "sharpness",
    "information": "bits",
    "color": "color",
    "noise": "noise",
    "darkest": "low",
    "brightest": "high",
    "edges": "edge",
    "smoothness across": "across",
    "smoothness down": "down",
}


def image_findings(
    images: np.ndarray | Sequence[Any],
) -> tuple[list[Finding], tuple[str, ...], dict[str, np.ndarray]]:
    """Return findings, notes and properties of images: uint8 (n, h, w, 3), or arrays and None."""
    squares = _squares(0 if layers_lacking() else min(len(images), MOST_SEEN))
    table, thumbnails = _measure_all(images, squares)
    columns = dict(zip(STATISTICS, table.T, strict=True))
    sight, trouble = _look(squares)
    findings, usual = damage_findings(columns)
    looked_at = slice(len(thumbnails))
    whole = columns["spread"][looked_at] >= BLANK_SPREAD
    for found in findings:  # what is damaged otherwise does not say how images should look
        whole[found.positions[found.positions < len(whole)]] = False
    turned, note = orientation_finding(thumbnails, whole, sight)
    recolored = color_findings(thumbnails, whole, columns["color"][looked_at], sight)
    notes = (*usual, *trouble, *_notes(note, len(thumbnails), len(images)))
    return [*findings, turned, *recolored], notes, _properties(columns)


def _look(squares: np.ndarray) -> tuple[Sight | None, tuple[str, ...]]:
    """Look at squares by the network, where there are enough and its weights are sound."""
    if len(squares) < FEWEST_IMAGES:
        return None, ()
    try:
        return Sight.of(squares), ()
    except InputError as error:
        why = str(error).splitlines()[0]
        return None, (f"turned and recolored images are looked for by thumbnails alone: {why}",)


def image_properties(images: np.ndarray | Sequence[Any]) -> dict[str, np.ndarray]:
    """Return the properties of images alone, each (n,), for less than half the cost of findings."""
    return _properties(image_statistics(images))


def _properties(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    named = {name: columns[statistic] for name, statistic in PROPERTIES.items()}
    named["aspect"] = np.log(columns["width"] / columns["height"])
    named["size"] = np.log(columns["width"] * columns["height"])
    return named


def _notes(note: str | None, looked_at: int, n: int) -> tuple[str, ...]:
    if note is None:
        return ()
    part = (
        f" (the first {counted(looked_at, 'image was', 'images were')} looked at)"
        if looked_at < n
        else ""
    )
    return (note + part,)


def image_statistics(images: np.ndarray | Sequence[Any]) -> dict[str, np.ndarray]:
    """Measure every image, NaN where one is unreadable.

    Returns
    -------
    dict of ndarray of float64, each shape (n,)
        ``height`` and ``width`` in pixels; ``low``, ``high``, ``mean`` and ``spread``: 2nd and 98th
        percentile, mean and standard deviation of the luminance, 0–255; ``sharpness``: log10 of the
        variance of the Laplacian over that of the luminance; ``bits``: entropy of the luminance
        histogram; ``color``: the largest mean difference between two channels, 0–255; ``weakest``:
        spread of the weakest channel over that of the strongest; ``across`` and ``down``:
        correlation with the right and the lower pixel; ``edge``, ``noise``, ``grid``, ``blocks``,
        ``lines``, ``shift``, ``cut`` and ``bars``: see the functions of `pixels`, `grids`, `pages`,
        `shifted` and `borders`.
    """
    return dict(zip(STATISTICS, _measure_all(images, _squares(0))[0].T, strict=True))


def _squares(count: int) -> np.ndarray:
    return np.zeros((count, SEEN_SIDE, SEEN_SIDE, 3), np.uint8)


def _measure_all(
    images: np.ndarray | Sequence[Any], squares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the statistics of all images and thumbnails of the first ones, in one pass.

    The first ones are also drawn into as many `squares`, uint8 (m, 96, 96, 3), as there are.
    """
    table = np.full((len(images), len(STATISTICS)), np.nan)
    thumbnails = np.zeros((min(len(images), MOST_THUMBNAILS), SIDE, SIDE, 3), np.uint8)
    for row, image in enumerate(images):
        if image is None:
            continue
        pixels = _checked(image)
        table[row] = measure_image(pixels)
        for room in (thumbnails, squares):
            if row < len(room):
                small = fit_square(pixels, room.shape[1])
                room[row] = small[..., None] if small.ndim == 2 else small
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
