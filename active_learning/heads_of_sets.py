"""The built-in head for several classes a row: one logistic regression for each class.

All are fitted at once by L-BFGS, in the span of the labelled rows where that is smaller (see
`heads`), with one temperature for all, fitted on out-of-fold logits (Guo et al., 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from thresher.core.errors import check_number

from .heads import FOLDS, LEAST_FOR_TEMPERATURE, span
from .learners import Predictor
from .small_problems import one_thread


@dataclass(frozen=True)
class SigmoidModel:
    """A fitted head: ``sigmoid((vectors @ weights + bias) / temperature)``."""

    weights: np.ndarray
    bias: np.ndarray
    temperature: float

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Return probabilities, float32, shape (n, n_classes)."""
        logits = vectors @ (self.weights / self.temperature).astype(np.float32)
        logits += (self.bias / self.temperature).astype(np.float32)
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
        self, vectors: np.ndarray, targets: np.ndarray, *, n_classes: int, random_state: int
    ) -> Predictor:
        """Fit on vectors, shape (m, d), and 0 or 1 for each class, shape (m, n_classes)."""
        del n_classes
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
        fold = np.random.default_rng((random_state, 3)).permutation(len(truth)) % FOLDS
        logits = np.empty(truth.shape)
        for number in range(FOLDS):
            rest, held = fold != number, fold == number
            weights, bias = fit_sigmoids(vectors[rest], truth[rest], strength=self.strength)
            logits[held] = vectors[held] @ weights + bias

        def loss(log_temperature: float) -> float:
            scaled = logits * np.exp(-log_temperature)
            return float((np.logaddexp(0.0, scaled) - truth * scaled).mean())

        limit = float(np.log(10.0))
        return float(np.exp(minimize_scalar(loss, bounds=(-limit, limit), method="bounded").x))


def fit_sigmoids(
    vectors: np.ndarray, truth: np.ndarray, *, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Minimise the binary cross-entropies plus ‖weights‖² / (2 · strength).

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
    d, c = vectors.shape[1], truth.shape[1]
    penalty = np.full((d + 1, 1), 1.0 / strength)
    penalty[d] = 0.1

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        both = flat.reshape(d + 1, c)
        logits = vectors @ both[:d] + both[d]
        value = float((np.logaddexp(0.0, logits) - truth * logits).sum())
        value += 0.5 * float((penalty * both**2).sum())
        residual = 0.5 * (1.0 + np.tanh(0.5 * logits)) - truth
        gradient = penalty * both
        gradient[:d] += vectors.T @ residual
        gradient[d] += residual.sum(axis=0)
        return value, gradient.ravel()

    found = minimize(
        loss,
        np.zeros((d + 1) * c),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 300, "gtol": 1e-4},
    )
    both = found.x.reshape(d + 1, c)
    return both[:d], both[d]
