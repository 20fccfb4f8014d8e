"""What labels are judged by: vectors, fewer of their directions, or networks' probabilities."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from curation.labels.logistic import out_of_fold_probs, stratified_folds
from thresher.core.embeddings import unit_length

FOLDS = 3


def vectors(X: np.ndarray, directions: int | None, seed: int) -> np.ndarray:
    """Return unit vectors, of a random projection to fewer directions when a number is given."""
    if directions is not None:
        X = X @ np.random.default_rng([seed, 7]).normal(size=(X.shape[1], directions))
    return unit_length(X.astype(np.float32))


def networks(
    X: np.ndarray, labels: np.ndarray, num_classes: int, *, models: int, epochs: int, seed: int
) -> np.ndarray:
    """Predict each row by networks of one hidden layer that were trained on the other folds.

    Returns
    -------
    ndarray of float16, shape (models, n, num_classes)
    """
    probs = np.zeros((models, len(labels), num_classes), dtype=np.float16)
    for model in range(models):
        fold_of = stratified_folds(labels, FOLDS, random_state=100 * seed + model)
        for fold in range(FOLDS):
            inside = fold_of == fold
            network = MLPClassifier(
                (64 * (1 + model % 3),),
                batch_size=min(128, int((~inside).sum())),
                max_iter=epochs,
                alpha=1e-4,
                random_state=1000 * seed + 10 * model + fold,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                network.fit(X[~inside], labels[~inside])
            found = network.predict_proba(X[inside])
            probs[model][np.ix_(inside, network.classes_)] = found
    return probs


def strength(X: np.ndarray, truth: np.ndarray) -> float:
    """Out-of-fold accuracy of a logistic regression on vectors whose labels are all right."""
    probs = out_of_fold_probs(X, truth, int(truth.max()) + 1)
    return float(np.mean(probs.argmax(axis=1) == truth))
