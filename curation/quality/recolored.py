"""Negatives, and images whose red and blue were swapped, among images in their own colors."""

from __future__ import annotations

import numpy as np

from thresher.core.encoders.image import WIDTHS, describe

from .altered import Alter, Alteration, Describe, Judged, Robust, View, judge_both
from .orientation import unit
from .result import Finding, finding
from .sight import FITTED, PENALTY, Sight

# Below this probability of natural colors an image is flagged. Colors of a thumbnail tell nine of
# ten photographs from their negative, but few surely: some tenth of the negatives is found.
NATURAL = 0.005
# As a network sees them: chosen on Imagenette, samples of ImageNet and CIFAR-10's training part,
# where 3 and 3 of 4,000 images would be flagged.
NEGATIVE = Robust(usual=0.75, deviations=3.25)
SWAPPED = Robust(usual=0.75, deviations=3.0)
LEAST_COLOR = 3.0
BINS = 4
BANDS = 3


def color_findings(
    thumbnails: np.ndarray, usable: np.ndarray, color: np.ndarray, sight: Sight | None = None
) -> list[Finding]:
    """Find negatives and images with two channels swapped.

    Parameters
    ----------
    thumbnails : ndarray of uint8, shape (n, 32, 32, 3)
    usable : ndarray of bool, shape (n,)
        False for images that cannot be judged: unreadable, blank.
    color : ndarray of float, shape (n,)
        Mean difference between the channels; without any, swapping changes nothing.
    sight : Sight, optional
        What a network sees of the first of them, which shows their colors better.
    """
    colored = usable & (color >= LEAST_COLOR)
    first = 0 if sight is None else len(sight.squares)
    negative = swapped = None
    if sight is not None:
        negative = first, _seen(sight.describe(_inverted), NEGATIVE)
        swapped = first, _seen(_with_colors(sight, thumbnails), SWAPPED)
    judged_negative = judge_both(usable, negative, _by_thumbnail(thumbnails, _inverted))
    judged_swapped = judge_both(colored, swapped, _by_thumbnail(thumbnails, _swapped))
    return [
        _finding("negative", "looks like a negative", judged_negative, len(usable)),
        _finding("swapped colors", "red and blue seem to be swapped", judged_swapped, len(usable)),
    ]


def _finding(kind: str, details: str, judged: Judged | None, rows: int) -> Finding:
    if judged is None:
        return finding(kind, np.zeros(rows, bool), scores=1.0, details=[])
    return finding(kind, judged.flagged, scores=judged.scores, details=details)


def _by_thumbnail(thumbnails: np.ndarray, alter: Alter) -> Alteration:
    return Alteration(2, lambda rows, times: View(_colors(alter(thumbnails[rows], times))), NATURAL)


def _seen(describe: Describe, robust: Robust) -> Alteration:
    return Alteration(2, describe, NATURAL, FITTED, PENALTY, robust)


def _with_colors(sight: Sight, thumbnails: np.ndarray) -> Describe:
    """Return what tells how rows look to the network swapped, and which colors occur where.

    At equal false alarms both find a quarter of the swapped images, each alone 15 to 20 %.
    """
    look = sight.describe(_swapped)

    def describe(rows: np.ndarray, times: int) -> View:
        view, colors = look(rows, times), _colors(_swapped(thumbnails[rows], times))
        return View(np.concatenate([view.features, colors], axis=1), view.known)

    return describe


def _inverted(images: np.ndarray, times: int) -> np.ndarray:
    return 255 - images if times else images


def _swapped(images: np.ndarray, times: int) -> np.ndarray:
    return np.ascontiguousarray(images[..., ::-1]) if times else images


def _colors(images: np.ndarray) -> np.ndarray:
    """Describe shapes, layout, and which colors occur in the upper, middle and lower third."""
    described = describe(images).astype(np.float64)
    edges, layout, palette = np.split(described, np.cumsum(WIDTHS)[:2], axis=1)
    bands = np.array_split(images, BANDS, axis=1)
    counted = [_histogram(images, BINS + 2), *(0.6 * _histogram(band, BINS) for band in bands)]
    return np.concatenate([0.7 * unit(edges), unit(layout), unit(palette), *counted], axis=1)


def _histogram(images: np.ndarray, bins: int) -> np.ndarray:
    """Return the roots of the shares of the colors in a cube of bins, float64 (n, bins³)."""
    n = len(images)
    levels = images.reshape(n, -1, 3).astype(np.int64) * bins // 256
    cells = (levels[..., 0] * bins + levels[..., 1]) * bins + levels[..., 2]
    places = np.arange(n)[:, None] * bins**3 + cells
    counts = np.bincount(places.ravel(), minlength=n * bins**3).reshape(n, bins**3)
    return np.asarray(np.sqrt(counts / max(cells.shape[1], 1)))
