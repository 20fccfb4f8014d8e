"""Leave-one-out probabilities of a ridge probe in closed form.

A ridge regression onto one-hot labels predicts row i without row i as ``(P_i − h_i Y_i)/(1 − h_i)``
with the leverage ``h_i``; no row is ever fitted twice (Cook and Weisberg, 1982). Costs
O(n d² + d³ + n d K) time, in float64, so that processors differ by 1e-15 only.
"""

from __future__ import annotations

import numpy as np

from thresher.core.numerics.softmax import log_softmax

PENALTIES = (0.03, 0.3, 3.0, 30.0)


def loo_ridge_probs(
    vectors: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    *,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Predict each row's class from all other rows.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, d)
        Unit length, or zero.
    labels : ndarray of int, shape (n,)
        Codes from 0; every row labeled.
    num_classes : int
    weights : ndarray of float32, shape (n,), optional
        How much each row counts in the fit. One of weight 0 takes no part in it and is predicted
        like any other.

    Returns
    -------
    ndarray of float32, shape (n, num_classes)
        Softmax of the leave-one-out outputs; penalty and temperature are those with the highest
        leave-one-out likelihood.
    """
    n = len(labels)
    X = np.concatenate([vectors, np.ones((n, 1))], axis=1, dtype=np.float64)
    Y = np.zeros((n, num_classes))
    Y[np.arange(n), labels] = 1
    part = np.ones(n) if weights is None else np.asarray(weights, np.float64)
    used = np.flatnonzero(part)
    weighted = X[used] * part[used, None]
    eigenvalues, eigenvectors = np.linalg.eigh(X[used].T @ weighted)
    eigenvalues = np.maximum(eigenvalues, 0)
    Z = X @ eigenvectors
    squares, target = Z * Z, Z[used].T @ (Y[used] * part[used, None])
    best: tuple[float, np.ndarray] = (-np.inf, np.full_like(Y, 1 / num_classes))
    for penalty in PENALTIES:
        inverse = 1 / (eigenvalues + penalty)
        leverage = np.minimum(part * (squares @ inverse), 1 - 1e-4)[:, None]
        outputs = (Z @ (inverse[:, None] * target) - leverage * Y) / (1 - leverage)
        likelihood, probs = fit_temperature(outputs, labels)
        if likelihood > best[0]:
            best = likelihood, probs
    return best[1].astype(np.float32)


def fit_temperature(outputs: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean log-likelihood and the softmax at the best of a grid of scales."""
    best: tuple[float, np.ndarray] = (-np.inf, outputs)
    rows = np.arange(len(labels))
    for scale in 2.0 ** np.arange(-1, 8):
        log_probs = log_softmax(outputs * outputs.dtype.type(scale))
        likelihood = float(log_probs[rows, labels].mean())
        if likelihood <= best[0]:
            break
        best = likelihood, log_probs
    return best[0], np.exp(best[1])
