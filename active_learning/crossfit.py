"""Predictions for labelled rows from models that never saw their label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .learners import Learner

FOLDS = 10
POOL_SAMPLE = 20_000


@dataclass(frozen=True)
class CrossFit:
    """Out-of-fold predictions.

    Attributes
    ----------
    pred_probs : ndarray of float32, shape (m, c)
        Of the labelled rows, each from a model fitted on the other folds.
    confidence_mean : float
        Mean over the pool of the largest probability, averaged over the fold models.
    """

    pred_probs: np.ndarray
    confidence_mean: float


def cross_fit(
    learner: Learner,
    vectors: np.ndarray,
    *,
    rows: np.ndarray,
    codes: np.ndarray,
    n_classes: int,
    population: np.ndarray,
    random_state: int = 0,
    folds: int = FOLDS,
) -> CrossFit:
    """Fit one model for each fold of the labelled rows, at least two rows.

    Parameters
    ----------
    learner : Learner
    vectors : ndarray of float32, shape (n, d)
    rows, codes : ndarray of int64, shape (m,)
    n_classes : int
    population : ndarray of int64
        Positions over which the mean confidence is taken; of more than 20,000 a random sample.
    random_state, folds : int
    """
    rng = np.random.default_rng((random_state, 6))
    folds = min(folds, len(rows))
    fold = rng.permutation(len(rows)) % folds
    if len(population) > POOL_SAMPLE:
        population = rng.choice(population, POOL_SAMPLE, replace=False)
    pool = vectors[population]
    probs = np.zeros((len(rows), n_classes), dtype=np.float32)
    confidence = []
    for number in range(folds):
        rest, held = fold != number, fold == number
        predict = learner(
            vectors[rows[rest]], codes[rest], n_classes=n_classes, random_state=random_state
        )
        probs[held] = predict(vectors[rows[held]])
        confidence.append(float(predict(pool).max(axis=1).mean()))
    return CrossFit(probs, float(np.mean(confidence)))
