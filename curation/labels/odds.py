"""Log-odds of probabilities, and back."""

from __future__ import annotations

import numpy as np

LEAST, MOST = 1e-4, 1 - 1e-4


def logit(probs: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities, which are kept off 0 and 1."""
    inside = np.clip(probs, LEAST, MOST)
    return np.asarray(np.log(inside / (1 - inside)))


def sigmoid(values: np.ndarray) -> np.ndarray:
    """Probabilities of log-odds."""
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -50, 50))))
