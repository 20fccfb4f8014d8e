"""The built-in head for several classes a row: one logistic regression for each class.

All are fitted at once by L-BFGS, in the span of the labeled rows where that is smaller (see
`logistic`), with one temperature for all, fitted on out-of-fold logits (Guo et al., 2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from thresher.core.errors import check_number
from thresher.core.numerics.temperature import best_temperature

from .blas_threads import one_thread
from .learner import Predictor
from .linear_fit import (
    LEAST_FOR_TEMPERATURE,
    fit_linear,
    held_out_logits,
    logits_of,
)
from .logistic import span


@dataclass(frozen=True)
class SigmoidModel:
    """A fitted head: ``sigmoid((vectors @ weights + bias) / temperature)``."""

    weights: np.ndarray
    bias: np.ndarray
    temperature: float

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Return probabilities, float32, shape (n, num_classes)."""
        logits = logits_of(vectors, self.weights / self.temperature, self.bias / self.temperature)
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), dtype=np.float32)


@dataclass(frozen=True)
class SigmoidHead:
    """The learner for multi-label tasks unless another one is given.

    Parameters
    ----------
    strength : float
        Inverse of the L2 penalty, as ``C`` in scikit-learn.
    """

    strength: float = 20.0

    def __post_init__(self) -> None:
        check_number("strength", self.strength, low=0, low_open=True)

    def __call__(
        self, vectors: np.ndarray, targets: np.ndarray, *, num_classes: int, random_state: int
    ) -> Predictor:
        """Fit on vectors, shape (m, d), and 0 or 1 for each class, shape (m, num_classes)."""
        del num_classes
        reduced, basis = span(vectors.astype(np.float64))
        truth = targets.astype(np.float64)
        temperature = 1.0
        with one_thread(reduced.size * truth.shape[1]):
            weights, bias = fit_sigmoids(reduced, truth, strength=self.strength)
            if len(truth) >= LEAST_FOR_TEMPERATURE:
                temperature = self._temperature(reduced, truth, random_state=random_state)
        whole = weights if basis is None else basis @ weights
        return SigmoidModel(whole, bias, temperature)

    def _temperature(self, vectors: np.ndarray, truth: np.ndarray, *, random_state: int) -> float:
        fit = partial(fit_sigmoids, strength=self.strength)
        logits = held_out_logits(
            vectors, truth, fit, outputs=truth.shape[1], random_state=random_state
        )

        def loss(log_temperature: float) -> float:
            scaled = logits * np.exp(-log_temperature)
            return float((np.logaddexp(0.0, scaled) - truth * scaled).mean())

        return best_temperature(loss)


def fit_sigmoids(
    vectors: np.ndarray, truth: np.ndarray, *, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Minimize the binary cross-entropies plus ‖weights‖² / (2 · strength).

    Parameters
    ----------
    vectors : ndarray of float64, shape (m, d)
    truth : ndarray of float64, shape (m, c)
        0 or 1.
    strength : float

    Returns
    -------
    weights : ndarray of float64, shape (d, c)
    bias : ndarray of float64, shape (c,)
        Drawn faintly towards 0, so that a class all rows have, or none, stays finite.
    """

    def log_loss(logits: np.ndarray) -> tuple[float, np.ndarray]:
        value = float((np.logaddexp(0.0, logits) - truth * logits).sum())
        return value, 0.5 * (1.0 + np.tanh(0.5 * logits)) - truth

    return fit_linear(vectors, log_loss, outputs=truth.shape[1], strength=strength, bias_pull=0.1)
