"""One round of active learning: fit the learner, make what the strategy needs, choose.

Sessions and simulations both go through here, so that what is simulated is what is served.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .context import Context
from .learners import Learner, Predictor, committee_probs, dropout_probs
from .selection import Picks
from .strategies.strategy import Strategy
from .strategies.uncertain import Random


@dataclass(frozen=True)
class Fitted:
    """A learner fitted on the labels of one moment.

    Attributes
    ----------
    predict : Predictor
    pred_probs : ndarray of float32, shape (n, c)
        Of the whole pool.
    rows, codes : ndarray of int64, shape (m,)
        What it was fitted on: positions and class codes.
    """

    predict: Predictor
    pred_probs: np.ndarray
    rows: np.ndarray
    codes: np.ndarray


def fit_pool(
    learner: Learner,
    vectors: np.ndarray,
    *,
    rows: np.ndarray,
    codes: np.ndarray,
    n_classes: int,
    random_state: int,
) -> Fitted:
    """Fit on the labelled `rows`, at least one, and predict the whole pool."""
    predict = learner(vectors[rows], codes, n_classes=n_classes, random_state=random_state)
    return Fitted(predict, predict(vectors), rows, codes)


def with_model(
    context: Context, fitted: Fitted | None, *, learner: Learner, strategy: Strategy, seed: int
) -> Context:
    """Add to a context what the strategy needs of a fitted model."""
    if fitted is None:
        return context
    vectors, classes = context.vectors, fitted.pred_probs.shape[1]
    context = replace(
        context,
        pred_probs=fitted.pred_probs,
        class_counts=np.bincount(fitted.codes, minlength=classes).astype(np.float64),
    )
    if "ensemble_probs" in strategy.needs:
        ensemble = committee_probs(
            learner,
            vectors[fitted.rows],
            fitted.codes,
            pool=vectors,
            n_classes=classes,
            random_state=seed,
        )
        context = replace(context, ensemble_probs=ensemble)
    if "dropout_probs" in strategy.needs:
        dropped = dropout_probs(fitted.predict, vectors, random_state=seed)
        context = replace(context, dropout_probs=dropped)
    return context


def choose(strategy: Strategy, context: Context, *, n: int, start: Strategy | None = None) -> Picks:
    """Choose `n` rows; with `start` (default random) where a model is needed and there is none."""
    if all(context.has(need) for need in strategy.needs):
        return strategy.select(context, n)
    return (start or Random()).select(context, n)
