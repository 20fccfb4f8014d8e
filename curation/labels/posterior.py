"""From class probabilities to the probability that a given label is wrong, and which to flag."""

from __future__ import annotations

import numpy as np


def error_posterior(probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Estimate for each row the probability that its label is wrong.

    Parameters
    ----------
    probs : ndarray of float, shape (n, K)
        Out-of-sample probabilities.
    labels : ndarray of int, shape (n,)

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    rows = np.arange(len(labels))
    given = probs[rows, labels].astype(np.float64)
    others = probs.astype(np.float64)
    others[rows, labels] = 0
    rival = others.max(axis=1, initial=0)
    total = given + rival
    return np.divide(rival, total, out=np.zeros_like(total), where=total > 0)


def flag_threshold(errors: np.ndarray) -> float:
    """Return the score below which to flag rows so that the expected F1 is highest.

    With calibrated probabilities of an error sorted downwards, flagging the first k has the
    expected F1 of ``2 Σ_k p / (k + Σ p)`` (Lipton, Elkan and Naryanaswamy, 2014).
    """
    if not len(errors) or errors.max() <= 0.5:
        return 0.0
    ordered = np.sort(errors)[::-1]
    ranks = np.arange(1, len(ordered) + 1)
    expected = 2 * np.cumsum(ordered) / (ranks + ordered.sum())
    return float(1 - ordered[expected.argmax()])
