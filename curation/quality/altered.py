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
# Robust standard deviations from the median beyond which an image is unlike the others.
DEVIATIONS = 3.5
# Of a normal distribution, in standard deviations.
QUARTILES_APART = 1.349
Alter = Callable[[np.ndarray, int], np.ndarray]
Describe = Callable[[np.ndarray, int], np.ndarray]


@dataclass(frozen=True)
class Alteration:
    """Something that can be done to images again and again until they are as before.

    Attributes
    ----------
    times : int
        How often it must be done until nothing has changed: 4 for a quarter turn, 2 for a negative.
    describe : callable
        Returns what the model sees of rows, int (n,), to which it was done so many times; float64
        (n, d).
    limit : float
        An image that looks unaltered less surely than this is flagged.
    fitted : int
        To no more images than these, evenly drawn, is it done to learn from.
    penalty : float
        Of the ridge.
    usual : float, optional
        For two `times` only: flagged is what lies beyond this share of the median's distance from
        zero, on the other side of it, and `DEVIATIONS` from the median; by default, what is likely
        altered at the temperature that fits the images best.
    """

    times: int
    describe: Describe
    limit: float
    fitted: int = FITTED_IMAGES
    penalty: float = PENALTY
    usual: float | None = None


@dataclass(frozen=True)
class Judged:
    """How images look: probability of being unaltered, its limit, what else they are; each (n,).

    ``told`` is the share of the images that were fitted, on none of which the model that judged
    them had been fitted, that look rather unaltered than altered in any way.
    """

    natural: np.ndarray
    limits: np.ndarray
    times: np.ndarray
    told: float

    @property
    def flagged(self) -> np.ndarray:
        """Which images look altered, bool (n,)."""
        return np.asarray(self.natural < self.limits)

    @property
    def scores(self) -> np.ndarray:
        """Scores for a finding: 0.2 at the limit, low = surely altered."""
        return np.asarray(0.2 * self.natural / self.limits)


def judge_alteration(usable: np.ndarray, alteration: Alteration) -> Judged | None:
    """Judge the rows where `usable`, bool (n,); None below 100 of these."""
    rows = np.flatnonzero(usable)
    if len(rows) < FEWEST_IMAGES:
        return None
    fitted = rows[:: -(-len(rows) // alteration.fitted)]
    views = _all_views(fitted, alteration)
    center = views.mean(axis=(0, 1))
    models, folds = _cross_fit(views - center, alteration.penalty)
    evidence = _evidence(views - center, models, folds)
    scale = (
        _temperature(evidence)
        if alteration.usual is None
        else _robust_scale(evidence, alteration.usual, alteration.limit)
    )
    natural, times = np.ones(len(usable)), np.zeros(len(usable), int)
    natural[fitted], times[fitted] = _judge(evidence, scale)
    rest = np.setdiff1d(rows, fitted)
    if len(rest):
        seen = (alteration.describe(rest, 0) - center) @ np.mean(models, axis=0)
        suspects = rest[_posterior(seen, scale)[:, 0] < LIKELY]
        found = _all_views(suspects, alteration) - center
        judged = _judge(_evidence(found, models, suspects % FOLDS), scale)
        natural[suspects], times[suspects] = judged
    limits = np.full(len(usable), alteration.limit)
    return Judged(natural, limits, times, float((evidence.argmax(axis=1) == 0).mean()))


def judge_both(
    usable: np.ndarray, seen: tuple[int, Alteration] | None, otherwise: Alteration
) -> Judged | None:
    """Judge the first rows by what is seen better of them, and those after by the other.

    `seen` tells of how many rows.
    """
    if seen is None:
        return judge_alteration(usable, otherwise)
    first, alteration = seen
    judged = judge_alteration(usable[:first], alteration)
    if judged is None or first >= len(usable):
        return judged
    later = judge_alteration(usable, otherwise)
    assert later is not None  # there are no fewer rows than before
    return Judged(
        np.concatenate([judged.natural, later.natural[first:]]),
        np.concatenate([judged.limits, later.limits[first:]]),
        np.concatenate([judged.times, later.times[first:]]),
        judged.told,
    )


def _all_views(rows: np.ndarray, alteration: Alteration) -> np.ndarray:
    """Describe each image as it is and altered once, twice, …, float64 (n, times, d)."""
    views = [alteration.describe(rows, time) for time in range(alteration.times)]
    return np.stack(views, axis=1)


def _cross_fit(views: np.ndarray, penalty: float) -> tuple[list[np.ndarray], np.ndarray]:
    """Fit a ridge from view to alteration without each fold in turn."""
    n, times, d = views.shape
    folds = np.arange(n) % FOLDS
    targets = np.tile(np.eye(times) - 1 / times, (n, 1, 1))
    if n * times < d:
        models = [
            _fit_few(views[folds != fold], targets[folds != fold], penalty) for fold in range(FOLDS)
        ]
        return models, folds
    parts = [views[folds == fold].reshape(-1, d) for fold in range(FOLDS)]
    grams = np.stack([part.T @ part for part in parts])
    sums = [part.T @ targets[folds == fold].reshape(-1, times) for fold, part in enumerate(parts)]
    gram, total = grams.sum(axis=0) + penalty * np.eye(d), np.sum(sums, axis=0)
    models = [np.linalg.solve(gram - grams[fold], total - sums[fold]) for fold in range(FOLDS)]
    return models, folds


def _fit_few(views: np.ndarray, targets: np.ndarray, penalty: float) -> np.ndarray:
    """Fit fewer views than they have columns."""
    seen = views.reshape(-1, views.shape[2])
    done = targets.reshape(-1, targets.shape[2])
    return np.asarray(seen.T @ np.linalg.solve(seen @ seen.T + penalty * np.eye(len(seen)), done))


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


def _robust_scale(evidence: np.ndarray, usual: float, limit: float) -> float:
    """Return the scale that reaches `limit` where an image is as an altered one, and far from most.

    Median and quartiles hardly move with a few altered or damaged images, which lower the
    temperature; where most images look alike either way they ask for more than any image shows.
    """
    margins = evidence[:, 0] - evidence[:, 1]
    lower, median, upper = np.quantile(margins, (0.25, 0.5, 0.75))
    spread = (upper - lower) / QUARTILES_APART
    reached = max(usual * median, DEVIATIONS * spread - median)
    return float(np.log(1 / limit - 1) / max(reached, 1e-9))


def _posterior(evidence: np.ndarray, scale: float) -> np.ndarray:
    return softmax(scale * (evidence - evidence.max(axis=1, keepdims=True)))


def _judge(evidence: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of being unaltered, and the likeliest alteration."""
    posterior = _posterior(evidence, scale)
    return posterior[:, 0], posterior[:, 1:].argmax(axis=1) + 1
