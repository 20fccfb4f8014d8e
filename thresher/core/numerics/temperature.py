"""By which temperature logits become probabilities that are right as often as they say.

Guo et al. (2017), "On Calibration of Modern Neural Networks".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from .softmax import log_softmax


def best_temperature(log_loss: Callable[[float], float]) -> float:
    """Return the temperature in [0.1, 10] of least loss; `log_loss` takes its logarithm."""
    from scipy.optimize import minimize_scalar

    limit = float(np.log(10.0))
    return float(np.exp(minimize_scalar(log_loss, bounds=(-limit, limit), method="bounded").x))


def fit_temperature(logits: np.ndarray, codes: np.ndarray) -> float:
    """Return the temperature in [0.1, 10] with the least cross-entropy on held-out logits."""
    rows = np.arange(len(codes))

    def loss(log_temperature: float) -> float:
        scaled = logits * np.exp(-log_temperature)
        top = scaled.max(axis=1)
        log_sum = np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top
        return float((log_sum - scaled[rows, codes]).mean())

    return best_temperature(loss)


def likeliest_temperature(
    logits: np.ndarray, codes: np.ndarray, *, temperatures: Iterable[float]
) -> float:
    """Return the one of some temperatures with the least cross-entropy on held-out logits."""
    rows, exact = np.arange(len(codes)), logits.astype(np.float64)
    return float(max(temperatures, key=lambda one: log_softmax(exact / one)[rows, codes].mean()))
