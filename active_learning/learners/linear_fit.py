"""What the built-in heads share: penalized linear models by L-BFGS, and their temperature."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

BLOCK = 4096
FOLDS = 3
LEAST_FOR_TEMPERATURE = 20
# Takes logits, shape (m, c); returns their loss, summed over rows, and its gradient, shape (m, c).
LogLoss = Callable[[np.ndarray], tuple[float, np.ndarray]]


def fit_linear(
    vectors: np.ndarray, log_loss: LogLoss, *, outputs: int, strength: float, bias_pull: float
) -> tuple[np.ndarray, np.ndarray]:
    """Minimize a loss of linear logits plus ‖weights‖² / (2 · strength) + bias_pull · ‖bias‖² / 2.

    Parameters
    ----------
    vectors : ndarray of float64, shape (m, d)
    log_loss : callable
    outputs : int
        Columns of the logits, c.
    strength, bias_pull : float

    Returns
    -------
    weights : ndarray of float64, shape (d, c)
    bias : ndarray of float64, shape (c,)
    """
    from scipy.optimize import minimize

    d = vectors.shape[1]
    penalty = np.full((d + 1, 1), 1.0 / strength)
    penalty[d] = bias_pull

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        both = flat.reshape(d + 1, outputs)
        value, residual = log_loss(vectors @ both[:d] + both[d])
        value += 0.5 * float((penalty * both**2).sum())
        gradient = penalty * both
        gradient[:d] += vectors.T @ residual
        gradient[d] += residual.sum(axis=0)
        return value, gradient.ravel()

    found = minimize(
        loss,
        np.zeros((d + 1) * outputs),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 300, "gtol": 1e-4},
    )
    both = found.x.reshape(d + 1, outputs)
    return both[:d], both[d]


def held_out_logits(
    vectors: np.ndarray,
    targets: np.ndarray,
    fit: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    *,
    outputs: int,
    random_state: int,
) -> np.ndarray:
    """Return logits of rows, float64 (m, outputs), by weights that `fit` found on other rows."""
    fold = np.random.default_rng((random_state, 3)).permutation(len(targets)) % FOLDS
    logits = np.empty((len(targets), outputs))
    for number in range(FOLDS):
        rest, held = fold != number, fold == number
        weights, bias = fit(vectors[rest], targets[rest])
        logits[held] = vectors[held] @ weights + bias
    return logits


def logits_of(vectors: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return ``vectors @ weights + bias``, float64, shape (n, c).

    In float64 a block at a time: what is picked must not hang on the last bits of float32, which
    differ between processors.
    """
    logits = np.empty((len(vectors), weights.shape[1]))
    for start in range(0, len(vectors), BLOCK):
        rows = np.asarray(vectors[start : start + BLOCK], np.float64)
        np.matmul(rows, weights, out=logits[start : start + BLOCK])
    logits += bias
    return logits
