"""A small network in NumPy, to try core sets and numbers of epochs on.

One hidden layer of rectified units on standardized columns, AdamW (Loshchilov and Hutter, 2019)
with a warm-up and a linear decline, as in `training`. Of frozen embeddings it makes what a
perceptron of `training` makes; a few tenths of a CPU-second for 2,000 rows of 512 numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from thresher.core.numerics.softmax import softmax

HIDDEN, BATCH = 128, 128
RATE, DECAY, WARM_UP, LAST = 3e-3, 0.05, 0.1, 0.02
MOMENTUM, SQUARES, SMALL = 0.9, 0.999, 1e-8

Scores = Callable[[np.ndarray], np.ndarray]


def fit_network(
    X: np.ndarray,
    classes: np.ndarray,
    *,
    count: int,
    epochs: int,
    weights: np.ndarray,
    rng: np.random.Generator,
) -> Scores:
    """Train a network and return what scores rows.

    Parameters
    ----------
    X : ndarray of float32, shape (n, d)
        Standardized columns.
    classes : ndarray of int64, shape (n,)
        Codes from 0.
    count : int
        Number of classes.
    epochs : int
        Passes over the rows.
    weights : ndarray of float32, shape (n,)
        How much each row counts.
    rng : numpy.random.Generator
        Draws the start and the order of the rows.

    Returns
    -------
    callable
        From rows (m, d) to scores (m, count), highest for the likeliest class.
    """
    d = X.shape[1]
    hidden = rng.normal(size=(d, HIDDEN)) * np.sqrt(2 / d)
    out = rng.normal(size=(HIDDEN, count)) * np.sqrt(1 / HIDDEN)
    starts = (hidden, np.zeros(HIDDEN), out, np.zeros(count))
    parameters = [np.asarray(one, dtype=np.float32) for one in starts]
    moments = [(np.zeros_like(one), np.zeros_like(one)) for one in parameters]
    steps, step = epochs * -(-len(X) // BATCH), 0
    for _ in range(epochs):
        order = rng.permutation(len(X))
        for first in range(0, len(X), BATCH):
            rows, step = order[first : first + BATCH], step + 1
            gradients = _gradients(parameters, X[rows], classes[rows], weights[rows])
            rate = RATE * min(1.0, step / (WARM_UP * steps + 1)) * (1 - (1 - LAST) * step / steps)
            _update(parameters, moments, gradients, rate=rate, step=step)

    def scores(rows: np.ndarray) -> np.ndarray:
        W, b, V, c = parameters
        return np.asarray(np.maximum(rows @ W + b, 0) @ V + c)

    return scores


def _gradients(
    parameters: list[np.ndarray], X: np.ndarray, classes: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Return the gradients of the weighted cross-entropy of one batch."""
    W, b, V, c = parameters
    units = np.maximum(X @ W + b, 0)
    error = units @ V + c
    softmax(error, out=error)
    error[np.arange(len(X)), classes] -= 1
    error *= (weights / len(X))[:, None]
    back = error @ V.T
    back *= units > 0
    return X.T @ back, back.sum(axis=0), units.T @ error, error.sum(axis=0)


def _update(
    parameters: list[np.ndarray],
    moments: list[tuple[np.ndarray, np.ndarray]],
    gradients: tuple[np.ndarray, ...],
    *,
    rate: float,
    step: int,
) -> None:
    """Take one step of AdamW in place."""
    scale = rate * np.sqrt(1 - SQUARES**step) / (1 - MOMENTUM**step)
    for one, (mean, square), gradient in zip(parameters, moments, gradients, strict=True):
        mean *= MOMENTUM
        mean += (1 - MOMENTUM) * gradient
        square *= SQUARES
        square += (1 - SQUARES) * gradient * gradient
        if one.ndim == 2:
            one *= 1 - rate * DECAY
        one -= np.float32(scale) * mean / (np.sqrt(square) + np.float32(SMALL))
