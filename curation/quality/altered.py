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
# From median to quartile of a normal distribution, in standard deviations.
QUARTER = 0.6745
# Where the usual image is less than such a deviation on the right side, nothing can be told.
LEAST_TOLD = 0.25
# Of how much better known an image is than when altered, beside what the ridge finds. Fitted to
# Imagenette's training part, samples of ImageNet and CIFAR-10's the share is 0.014 to 0.029.
KNOWN = 0.02
Alter = Callable[[np.ndarray, int], np.ndarray]


@dataclass(frozen=True)
class View:
    """What the model sees of images, float64 (n, d), and how well known they look, (n,) if told."""

    features: np.ndarray
    known: np.ndarray | None = None


Describe = Callable[[np.ndarray, int], View]


@dataclass(frozen=True)
class Robust:
    """A limit by median and lower quartile, which few altered or damaged images hardly move.

    Flagged is what lies beyond the share `usual` of the median's distance from zero, on the other
    side of it, and `deviations` from the median.
    """

    usual: float
    deviations: float


@dataclass(frozen=True)
class Alteration:
    """Something that can be done to images again and again until they are as before.

    Attributes
    ----------
    times : int
        How often it must be done until nothing has changed: 4 for a quarter turn, 2 for a negative.
    describe : callable
        Returns what the model sees of rows, int (n,), to which it was done so many times.
    limit : float
        An image that looks unaltered less surely than this is flagged.
    fitted : int
        To no more images than these, evenly drawn, is it done to learn from.
    penalty : float
        Of the ridge.
    robust : Robust, optional
        By default, flagged is what is likely altered at the temperature that fits the images best.
    """

    times: int
    describe: Describe
    limit: float
    fitted: int = FITTED_IMAGES
    penalty: float = PENALTY
    robust: Robust | None = None


Judge = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


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
    views, known = _all_views(fitted, alteration)
    center = views.mean(axis=(0, 1))
    models, folds = _cross_fit(views - center, alteration.penalty)
    evidence = _evidence(views - center, models, folds) + KNOWN * _stored(known)
    judge = _judge_of(evidence, alteration)
    natural, times = np.ones(len(usable)), np.zeros(len(usable), int)
    natural[fitted], times[fitted] = judge(evidence)
    rest = np.setdiff1d(rows, fitted)
    if len(rest):
        seen = (alteration.describe(rest, 0).features - center) @ np.mean(models, axis=0)
        suspects = rest[judge(seen)[0] < LIKELY]
        found, known = _all_views(suspects, alteration)
        seen = _evidence(found - center, models, suspects % FOLDS) + KNOWN * _stored(known)
        natural[suspects], times[suspects] = judge(seen)
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


def _all_views(rows: np.ndarray, alteration: Alteration) -> tuple[np.ndarray, np.ndarray]:
    """Describe images as they are and altered once, twice, …: float64 (n, times, d), (n, times)."""
    views = [alteration.describe(rows, time) for time in range(alteration.times)]
    features = np.stack([view.features for view in views], axis=1)
    nothing = np.zeros(len(rows))
    known = [nothing if view.known is None else view.known for view in views]
    return features, np.stack(known, axis=1)


def _cross_fit(views: np.ndarray, penalty: float) -> tuple[list[np.ndarray], np.ndarray]:
    """Fit a ridge from view to alteration without each fold in turn."""
    n, times, d = views.shape
    folds = np.arange(n) % FOLDS
    targets = np.tile(np.eye(times) - 1 / times, (n, 1, 1))
    if n * times < d:
        return _fit_few(views, targets, folds, penalty), folds
    parts = [views[folds == fold].reshape(-1, d) for fold in range(FOLDS)]
    grams = np.stack([part.T @ part for part in parts])
    sums = [part.T @ targets[folds == fold].reshape(-1, times) for fold, part in enumerate(parts)]
    gram, total = grams.sum(axis=0) + penalty * np.eye(d), np.sum(sums, axis=0)
    models = [np.linalg.solve(gram - grams[fold], total - sums[fold]) for fold in range(FOLDS)]
    return models, folds


def _fit_few(
    views: np.ndarray, targets: np.ndarray, folds: np.ndarray, penalty: float
) -> list[np.ndarray]:
    """Fit fewer views than they have columns, by their inner products."""
    times, d = views.shape[1:]
    seen, done = views.reshape(-1, d), targets.reshape(-1, times)
    products, fold_of = seen @ seen.T + penalty * np.eye(len(seen)), np.repeat(folds, times)
    models = []
    for fold in range(FOLDS):
        others = np.flatnonzero(fold_of != fold)
        weights = np.linalg.solve(products[np.ix_(others, others)], done[others])
        models.append(seen[others].T @ weights)
    return models


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


def _stored(known: np.ndarray) -> np.ndarray:
    """Turn how well views are known, (n, times), to what that says of what is stored.

    An image that is stored altered once looks as it should when that is done all other times.
    """
    times = known.shape[1]
    return known[:, -np.arange(times) % times]


def _judge_of(evidence: np.ndarray, alteration: Alteration) -> Judge:
    """Return what judges evidence, (n, times): probability of being unaltered, and what else."""
    if alteration.robust is None:
        scale = _temperature(evidence)
        return lambda given: _judge(_posterior(given, scale)[:, 0], given)
    scale = _robust_scale(evidence, alteration.robust, alteration.limit)

    def judge(given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        margins = _margins(given)
        either = np.stack([margins, np.zeros_like(margins)], axis=1)
        return _judge(_posterior(either, scale)[:, 0], given)

    return judge


def _judge(natural: np.ndarray, evidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return natural, evidence[:, 1:].argmax(axis=1) + 1


def _temperature(evidence: np.ndarray) -> float:
    """Return the scale at which calling all images but a few unaltered is likeliest."""

    def likelihood(scale: float) -> float:
        natural = _posterior(evidence, scale)[:, 0]
        return float(np.log((1 - ALTERED) * natural + ALTERED).mean())

    return float(max(2.0 ** np.arange(-2, 8, 0.5), key=likelihood))


def _robust_scale(evidence: np.ndarray, robust: Robust, limit: float) -> float:
    """Return the scale that reaches `limit` where an image is as an altered one, and far from most.

    Where most images look alike either way it is 0, and no image reaches it. What lies above the
    median, images that look surely unaltered, is far more spread out, and says nothing here.
    """
    lower, median = np.quantile(_margins(evidence), (0.25, 0.5))
    deviation = (median - lower) / QUARTER
    if median <= LEAST_TOLD * deviation:
        return 0.0
    reached = max(robust.usual * median, robust.deviations * deviation - median)
    return float(np.log(1 / limit - 1) / reached)


def _margins(evidence: np.ndarray) -> np.ndarray:
    return np.asarray(evidence[:, 0] - evidence[:, 1:].max(axis=1))


def _posterior(evidence: np.ndarray, scale: float) -> np.ndarray:
    return softmax(scale * (evidence - evidence.max(axis=1, keepdims=True)))
