"""Images that were altered as a whole, among images that mostly were not.

Nothing outside the corpus is needed: a linear model learns from the images themselves, altered on
purpose, which alteration it sees (the task of Gidaris et al., ICLR 2018), and judges images that it
was not fitted on. What it says is tempered to how well it tells alterations of its own corpus, so
that on images that look alike either way it flags nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from thresher.core.numerics.softmax import softmax

FEWEST_IMAGES = 100
FITTED_IMAGES = 5_000
FOLDS = 5
PENALTY = 3.0
# An image whose own view looks unaltered at least this surely is not altered to look again.
LIKELY = 0.3
# Share of altered images that must not blunt the judgment of the others.
ALTERED = 0.01
Images = np.ndarray
Apply = Callable[[Images, int], Images]


@dataclass(frozen=True)
class Alteration:
    """Something that can be done to images again and again until they are as before.

    Attributes
    ----------
    times : int
        How often it must be done until nothing has changed: 4 for a quarter turn, 2 for a negative.
    apply : callable
        Does it so many times to uint8 (n, s, s, 3).
    describe : callable
        Returns what the model sees of such images, float64 (n, d).
    """

    times: int
    apply: Apply
    describe: Callable[[Images], np.ndarray]


@dataclass(frozen=True)
class Judged:
    """How images look: probability of being unaltered, and what else they are; each (n,).

    ``told`` is the share of the images that were fitted, on none of which the model that judged
    them had been fitted, that look rather unaltered than altered in any way.
    """

    natural: np.ndarray
    times: np.ndarray
    told: float


def judge_alteration(
    thumbnails: Images, usable: np.ndarray, alteration: Alteration
) -> Judged | None:
    """Judge images, uint8 (n, s, s, 3), where `usable`, bool (n,); None below 100 of these."""
    rows = np.flatnonzero(usable)
    if len(rows) < FEWEST_IMAGES:
        return None
    fitted = rows[:: -(-len(rows) // FITTED_IMAGES)]
    views = _all_views(thumbnails[fitted], alteration)
    center = views.mean(axis=(0, 1))
    models, folds = _cross_fit(views - center)
    evidence = _evidence(views - center, models, folds)
    scale = _temperature(evidence)
    natural, times = np.ones(len(usable)), np.zeros(len(usable), int)
    natural[fitted], times[fitted] = _judge(evidence, scale)
    rest = np.setdiff1d(rows, fitted)
    if len(rest):
        seen = (alteration.describe(thumbnails[rest]) - center) @ np.mean(models, axis=0)
        suspects = rest[_posterior(seen, scale)[:, 0] < LIKELY]
        found = _all_views(thumbnails[suspects], alteration) - center
        judged = _judge(_evidence(found, models, suspects % FOLDS), scale)
        natural[suspects], times[suspects] = judged
    return Judged(natural, times, float((evidence.argmax(axis=1) == 0).mean()))


def _all_views(images: Images, alteration: Alteration) -> np.ndarray:
    """Describe each image as it is and altered once, twice, …, float64 (n, times, d)."""
    return np.stack(
        [alteration.describe(alteration.apply(images, time)) for time in range(alteration.times)],
        axis=1,
    )


def _cross_fit(views: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Fit a ridge from view to alteration without each fold in turn."""
    n, times, d = views.shape
    folds = np.arange(n) % FOLDS
    targets = np.tile(np.eye(times) - 1 / times, (n, 1, 1))
    models = []
    for fold in range(FOLDS):
        seen = views[folds != fold].reshape(-1, d)
        done = targets[folds != fold].reshape(-1, times)
        if len(seen) < d:
            models.append(
                seen.T @ np.linalg.solve(seen @ seen.T + PENALTY * np.eye(len(seen)), done)
            )
        else:
            models.append(np.linalg.solve(seen.T @ seen + PENALTY * np.eye(d), seen.T @ done))
    return models, folds


def _evidence(views: np.ndarray, models: list[np.ndarray], folds: np.ndarray) -> np.ndarray:
    """Average over the views how much speaks for each alteration of what is stored, (n, times)."""
    times = views.shape[1]
    outputs = np.empty((len(views), times, times))
    for fold, model in enumerate(models):
        outputs[folds == fold] = views[folds == fold] @ model
    seen = np.arange(times)
    return np.stack(
        [outputs[:, seen, (seen + stored) % times].mean(axis=1) for stored in seen], axis=1
    )


def _temperature(evidence: np.ndarray) -> float:
    """Return the scale at which calling all images but a few unaltered is likeliest."""

    def likelihood(scale: float) -> float:
        natural = _posterior(evidence, scale)[:, 0]
        return float(np.log((1 - ALTERED) * natural + ALTERED).mean())

    return float(max(2.0 ** np.arange(-2, 8, 0.5), key=likelihood))


def _posterior(evidence: np.ndarray, scale: float) -> np.ndarray:
    return softmax(scale * (evidence - evidence.max(axis=1, keepdims=True)))


def _judge(evidence: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of being unaltered, and the likeliest alteration."""
    posterior = _posterior(evidence, scale)
    return posterior[:, 0], posterior[:, 1:].argmax(axis=1) + 1
