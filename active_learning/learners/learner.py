"""Learners: anything that turns labeled embeddings into predictions for the pool.

A learner is a callable, so that a user's own function is one too. Adapters for scikit-learn
estimators and torch modules are in `sklearn_learner` and `torch_learner`; the built-in heads are in
`logistic`, `multilabel` and `ridge`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from thresher.core.moved import warn_moved

Predictor = Callable[[np.ndarray], np.ndarray]


class Learner(Protocol):
    """Fits on labeled rows.

    Called with vectors, float32, shape (m, d), and targets; returns a function from vectors, shape
    (n, d), to outputs, float32. The same arguments must give the same bits.

    * one class a row: targets are codes, int64, shape (m,), each in 0 … ``num_classes`` − 1;
      outputs are probabilities, shape (n, num_classes), that sum to one.
    * several classes: targets are 0 or 1, float32, shape (m, num_classes); outputs are
      probabilities of each, shape (n, num_classes).
    * regression: targets are numbers, float64, shape (m,); outputs are means and standard
      deviations, shape (n, 2).

    Examples
    --------
    >>> import numpy as np
    >>> from active_learning import Learner, LogisticHead
    >>> learner: Learner = LogisticHead()
    >>> fitted = learner(np.eye(4), np.array([0, 0, 1, 1]), num_classes=2, random_state=0)
    >>> fitted(np.eye(4)).shape
    (4, 2)
    """

    def __call__(
        self, vectors: np.ndarray, targets: np.ndarray, /, *, num_classes: int, random_state: int
    ) -> Predictor:
        """Fit and return the predictor."""


def as_learner(learner: Any) -> Learner:
    """Return a learner; one that calls its number of classes ``n_classes``, as before, warns."""
    try:
        names = inspect.signature(learner).parameters
    except (TypeError, ValueError):  # not said by what is compiled
        return learner  # type: ignore[no-any-return]
    if "n_classes" not in names or "num_classes" in names:
        return learner  # type: ignore[no-any-return]
    warn_moved("`n_classes` of a learner", "`num_classes`")

    def fit(
        vectors: np.ndarray, targets: np.ndarray, /, *, num_classes: int, random_state: int
    ) -> Predictor:
        predictor: Predictor = learner(
            vectors, targets, n_classes=num_classes, random_state=random_state
        )
        return predictor

    return fit


def constant_predictor(code: int, *, labels: int, num_classes: int) -> Predictor:
    """Return a predictor for when all labels so far are of one class.

    Laplace's rule: (labels + 1) / (labels + num_classes) for that class, the rest shared evenly.
    """
    probs = np.full(num_classes, 1.0 / (labels + num_classes), dtype=np.float32)
    probs[code] = (labels + 1.0) / (labels + num_classes)

    def predict(rows: np.ndarray) -> np.ndarray:
        return np.tile(probs, (len(rows), 1))

    return predict


def committee_probs(
    learner: Learner,
    vectors: np.ndarray,
    codes: np.ndarray,
    *,
    pool: np.ndarray,
    num_classes: int,
    members: int = 5,
    random_state: int = 0,
) -> np.ndarray:
    """Return probabilities of learners fitted on bootstrap samples.

    Query by bagging (Abe and Mamitsuka, 1998). The shape is (members, n, num_classes).
    """
    rng = np.random.default_rng((random_state, 1))
    result = []
    for member in range(members):
        rows = rng.integers(len(codes), size=len(codes))
        fitted = learner(
            vectors[rows], codes[rows], num_classes=num_classes, random_state=random_state + member
        )
        result.append(fitted(pool))
    return np.stack(result)


def dropout_probs(
    predict: Predictor,
    pool: np.ndarray,
    *,
    passes: int = 3,
    rate: float = 0.75,
    random_state: int = 0,
) -> np.ndarray:
    """Return probabilities with a share `rate` of input dimensions zeroed, shape (passes, n, c).

    As in DropQuery, but each pass drops the same dimensions for all rows, so that no n × d mask is
    made; what is kept is scaled up.
    """
    rng = np.random.default_rng((random_state, 2))
    masks = rng.random((passes, pool.shape[1])) >= rate
    return np.stack([predict(pool * (mask / (1.0 - rate)).astype(np.float32)) for mask in masks])
