"""Wrong labels of several kinds, planted in right ones of known truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from curation.labels.logistic import out_of_fold_probs
from thresher.core.embeddings import unit_length

Noise = Callable[[np.ndarray, np.ndarray, float, int], np.ndarray]


def uniform(_: np.ndarray, truth: np.ndarray, rate: float, seed: int) -> np.ndarray:
    """Swap a share of the labels for any other class."""
    rng = np.random.default_rng(seed)
    num_classes = int(truth.max()) + 1
    swapped = (truth + rng.integers(1, num_classes, len(truth))) % num_classes
    return np.where(rng.random(len(truth)) < rate, swapped, truth)


def confusable(X: np.ndarray, truth: np.ndarray, rate: float, seed: int) -> np.ndarray:
    """Swap a share of the labels for one of the three classes whose means are nearest."""
    rng = np.random.default_rng(seed)
    num_classes = int(truth.max()) + 1
    means = unit_length(np.stack([X[truth == k].mean(axis=0) for k in range(num_classes)]))
    similarity = means @ means.T
    np.fill_diagonal(similarity, -2)
    nearest = min(3, num_classes - 1)
    near = np.argsort(-similarity, axis=1, kind="stable")[:, :nearest]
    swapped = near[truth, rng.integers(0, nearest, len(truth))]
    return np.where(rng.random(len(truth)) < rate, swapped, truth)


def look_alikes(X: np.ndarray, truth: np.ndarray, rate: float, seed: int) -> np.ndarray:
    """Give rows that are hard to tell the class they look like, as hurried people do.

    Each row is wrong with a chance in proportion to what a logistic regression of the right labels
    leaves for the other classes, and then has one of these, in proportion again.
    """
    rng = np.random.default_rng(seed)
    rows, num_classes = np.arange(len(truth)), int(truth.max()) + 1
    others = out_of_fold_probs(X, truth, num_classes, random_state=seed).astype(np.float64) + 0.01
    others[rows, truth] = 0
    doubt = others.sum(axis=1)
    for _ in range(20):
        doubt = np.minimum(doubt * rate / doubt.mean(), 0.9)
    swapped = _draw(others / others.sum(axis=1, keepdims=True), rng)
    return np.where(rng.random(len(truth)) < doubt, swapped, truth)


def confusion(_: np.ndarray, truth: np.ndarray, rate: float, seed: int) -> np.ndarray:
    """Draw labels by a confusion matrix whose classes differ in rate and in what they become.

    Two fifths of its cells beside the diagonal are zero, as in the sparse matrices of Northcutt,
    Jiang and Chuang, "Confident Learning" (2021).
    """
    rng = np.random.default_rng(seed)
    num_classes = int(truth.max()) + 1
    cells = rng.random((num_classes, num_classes))
    cells *= rng.random(cells.shape) >= 0.4
    np.fill_diagonal(cells, 0)
    for k in np.flatnonzero(cells.sum(axis=1) == 0):
        cells[k, (k + 1) % num_classes] = 1
    of_class = rate * rng.uniform(0.25, 1.75, num_classes)
    share = np.bincount(truth, minlength=num_classes) / len(truth)
    of_class = np.minimum(of_class * rate / float(share @ of_class), 0.6)
    matrix = cells / cells.sum(axis=1, keepdims=True) * of_class[:, None]
    np.fill_diagonal(matrix, 1 - of_class)
    return _draw(matrix[truth], rng)


def rule(X: np.ndarray, truth: np.ndarray, rate: float, seed: int) -> np.ndarray:
    """Label by a few simple conditions: the smallest tree wrong on at most this share of rows."""
    for leaves in range(2, 400):
        tree = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=seed).fit(X, truth)
        labels = np.asarray(tree.predict(X))
        if np.mean(labels != truth) <= rate:
            break
    return labels


def _draw(probs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a class of each row by its probabilities, shape (n, K)."""
    below = np.cumsum(probs, axis=1) < rng.random(len(probs))[:, None]
    return np.minimum(below.sum(axis=1), probs.shape[1] - 1)


NOISE: dict[str, Noise] = {
    "uniform": uniform,
    "confusable": confusable,
    "look-alikes": look_alikes,
    "confusion matrix": confusion,
    "rule": rule,
}
FAMILY = {
    "uniform": "uniform",
    "confusable": "confusable",
    "look-alikes": "confusable",
    "confusion matrix": "class_dependent",
    "rule": "rule_made",
}
