"""Predictions for labeled rows from models that never saw their label."""

from __future__ import annotations

import numpy as np

from .learner import Learner

FOLDS = 10


def cross_fit(
    learner: Learner,
    vectors: np.ndarray,
    *,
    rows: np.ndarray,
    targets: np.ndarray,
    num_classes: int,
    random_state: int = 0,
    folds: int = FOLDS,
) -> np.ndarray:
    """Fit one model for each fold of the labeled rows, at least two rows.

    Parameters
    ----------
    learner : Learner
    vectors : ndarray of float32, shape (n, d)
    rows : ndarray of int64, shape (m,)
        Positions of the labeled rows.
    targets : ndarray, shape (m,) or (m, c)
    num_classes, random_state, folds : int

    Returns
    -------
    ndarray of float32, shape (m, k)
        Outputs for `rows`, each from a model fitted on the other folds.
    """
    rng = np.random.default_rng((random_state, 6))
    folds = min(folds, len(rows))
    fold = rng.permutation(len(rows)) % folds
    outputs: list[np.ndarray] = []
    for number in range(folds):
        rest = fold != number
        predict = learner(
            vectors[rows[rest]], targets[rest], num_classes=num_classes, random_state=random_state
        )
        outputs.append(predict(vectors[rows[~rest]]))
    result = np.empty((len(rows), outputs[0].shape[1]), dtype=np.float32)
    for number, part in enumerate(outputs):
        result[fold == number] = part
    return result
