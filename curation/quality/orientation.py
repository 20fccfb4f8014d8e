"""Images that stand on their side or head, among images that mostly stand upright."""

from __future__ import annotations

import numpy as np

from thresher.core.counted import percent
from thresher.core.encoders.image import WIDTHS, describe

from .altered import Alteration, Robust, View, judge_both
from .result import Finding, finding
from .sight import FITTED, PENALTY, Sight

SIDE = 32
# Below this probability of standing upright an image is flagged: on digits with 3 % turned, all
# flags were right; on CIFAR-10, where edges alone hardly show what is up, none is raised.
UPRIGHT = 0.01
# As a network sees them: chosen on Imagenette, samples of ImageNet and CIFAR-10's training part,
# where 2 of 4,000 images are flagged, 16 to 33 % of those on their side, 11 to 26 % on their head.
ROBUST = Robust(usual=0.5, deviations=3.0)


def orientation_finding(
    thumbnails: np.ndarray, usable: np.ndarray, sight: Sight | None = None
) -> tuple[Finding, str | None]:
    """Find images that were turned, and say how well turns can be told in this corpus.

    Parameters
    ----------
    thumbnails : ndarray of uint8, shape (n, 32, 32, 3)
    usable : ndarray of bool, shape (n,)
        False for images that cannot be judged: unreadable, blank.
    sight : Sight, optional
        What a network sees of the first of them, which shows better what is up.
    """

    def describe(rows: np.ndarray, quarters: int) -> View:
        return View(_shapes(_turned(thumbnails[rows], quarters)))

    judged = judge_both(
        usable, None if sight is None else _seen(sight), Alteration(4, describe, UPRIGHT)
    )
    if judged is None:
        return finding("orientation", np.zeros(len(usable), bool), scores=1.0, details=[]), None
    details = [f"seems turned by {90 * quarter}°" for quarter in judged.times[judged.flagged]]
    note = f"upright images are told from turned ones in {percent(judged.told)} of the cases"
    return finding("orientation", judged.flagged, scores=judged.scores, details=details), note


def _seen(sight: Sight) -> tuple[int, Alteration]:
    describe = sight.describe(_turned, late=True)
    return len(sight.squares), Alteration(4, describe, UPRIGHT, FITTED, PENALTY, ROBUST)


def _turned(images: np.ndarray, quarters: int) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(images, quarters, axes=(1, 2)))


def _shapes(images: np.ndarray) -> np.ndarray:
    # In float64, where processors differ too little to change a score.
    edges, colors, _ = np.split(describe(images).astype(np.float64), np.cumsum(WIDTHS)[:2], axis=1)
    return np.concatenate([unit(edges), 0.5 * unit(colors)], axis=1)


def unit(features: np.ndarray) -> np.ndarray:
    """Scale rows, float (n, d), to unit length; zeros stay."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(lengths, 1e-6))
