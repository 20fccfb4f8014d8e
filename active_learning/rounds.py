"""One round of active learning: fit the learner, make what the strategy needs, choose.

Sessions and simulations both go through here, so that what is simulated is what is served.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .learners.learner import Learner, Predictor, committee_probs, dropout_probs
from .pool.context import Context
from .pool.selection import Picks
from .strategies.strategy import Strategy
from .strategies.uncertain import Random
from .tasks.classification import Classification
from .tasks.task import Task


@dataclass(frozen=True)
class Fitted:
    """A learner fitted on the labels of one moment.

    Attributes
    ----------
    predict : Predictor
    outputs : ndarray of float32, shape (n, k)
        Of the whole pool; for classification the class probabilities.
    rows : ndarray of int64, shape (m,)
        Positions that it was fitted on.
    targets : ndarray, shape (m,) or (m, c)
        What it was fitted to: class codes, 0 and 1 for each class, or numbers.
    """

    predict: Predictor
    outputs: np.ndarray
    rows: np.ndarray
    targets: np.ndarray


def fit_pool(
    learner: Learner,
    vectors: np.ndarray,
    *,
    rows: np.ndarray,
    targets: np.ndarray,
    num_classes: int,
    random_state: int,
) -> Fitted:
    """Fit on the labeled `rows`, at least one, and predict the whole pool."""
    predict = learner(vectors[rows], targets, num_classes=num_classes, random_state=random_state)
    return Fitted(predict, predict(vectors), rows, targets)


def with_model(
    context: Context,
    fitted: Fitted | None,
    *,
    learner: Learner,
    strategy: Strategy,
    seed: int,
    task: Task | None = None,
) -> Context:
    """Add to a context what the strategy needs of a fitted model; the default is one class a row.

    An uncertainty that the context has already stays.
    """
    if fitted is None:
        return context
    signals = (task or Classification()).signals(fitted.outputs, fitted.targets)
    if context.given_uncertainty is not None:
        signals.pop("given_uncertainty", None)
    context = replace(context, **signals)
    width = fitted.outputs.shape[1]
    if "ensemble_probs" in strategy.needs:
        vectors = context.vectors
        ensemble = committee_probs(
            learner,
            vectors[fitted.rows],
            fitted.targets,
            pool=vectors,
            num_classes=width,
            random_state=seed,
        )
        context = replace(context, ensemble_probs=ensemble)
    if "dropout_probs" in strategy.needs:
        dropped = dropout_probs(fitted.predict, context.vectors, random_state=seed)
        context = replace(context, dropout_probs=dropped)
    return context


def choose(strategy: Strategy, context: Context, *, n: int, start: Strategy | None = None) -> Picks:
    """Choose `n` rows; with `start` (default random) where a model is needed and there is none."""
    if all(context.has(need) for need in strategy.needs):
        return strategy.select(context, n)
    return (start or Random()).select(context, n)
