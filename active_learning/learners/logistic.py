"""The built-in head: logistic regression on embeddings with a fitted temperature.

Multinomial, L2, by L-BFGS. With fewer labels than dimensions the problem is solved in the span of
the labeled rows, which has the same solution (representer theorem), so that a fit on 50 labels
costs the same at 128 and 4,096 dimensions. Temperature: Guo et al. (2017), on out-of-fold logits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from thresher.core.errors import check_number
from thresher.core.moved import renamed
from thresher.core.numerics.softmax import softmax
from thresher.core.numerics.temperature import fit_temperature

from .blas_threads import one_thread
from .learner import Predictor, constant_predictor
from .linear_fit import (
    LEAST_FOR_TEMPERATURE,
    fit_linear,
    held_out_logits,
    logits_of,
)


@dataclass(frozen=True)
class LogisticModel:
    """A fitted head: ``softmax((vectors @ weights + bias) / temperature)`` over `present`."""

    weights: np.ndarray
    bias: np.ndarray
    temperature: float
    present: np.ndarray
    num_classes: int

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Return probabilities, float32, shape (n, num_classes); 0 for classes never seen."""
        logits = logits_of(vectors, self.weights / self.temperature, self.bias / self.temperature)
        probs = np.zeros((len(vectors), self.num_classes), dtype=np.float32)
        probs[:, self.present] = softmax(logits, out=logits)
        return probs


@dataclass(frozen=True)
class LogisticHead:
    """The learner that sessions and simulations use unless told otherwise.

    Parameters
    ----------
    strength : float
        Inverse of the L2 penalty, as ``C`` in scikit-learn.
    calibrate : bool
        Fit a temperature when there are at least 20 labels.

    Examples
    --------
    >>> import numpy as np
    >>> from active_learning import LogisticHead
    >>> x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    >>> fitted = LogisticHead()(x, np.array([0, 0, 1, 1]), num_classes=2, random_state=0)
    >>> fitted(x).argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """

    strength: float = 20.0
    calibrate: bool = True

    def __post_init__(self) -> None:
        check_number("strength", self.strength, low=0, low_open=True)

    @renamed(n_classes="num_classes")
    def __call__(
        self, vectors: np.ndarray, codes: np.ndarray, *, num_classes: int, random_state: int
    ) -> Predictor:
        """Fit on vectors, shape (m, d), and codes, shape (m,); see `Learner`."""
        present, inner = np.unique(codes, return_inverse=True)
        if len(present) == 1:
            return constant_predictor(int(present[0]), labels=len(codes), num_classes=num_classes)
        reduced, basis = span(vectors.astype(np.float64))
        temperature = 1.0
        with one_thread(reduced.size * len(present)):
            weights, bias = fit_logistic(
                reduced, inner, num_classes=len(present), strength=self.strength
            )
            if self.calibrate and len(codes) >= LEAST_FOR_TEMPERATURE:
                temperature = self._temperature(reduced, inner, random_state=random_state)
        whole = weights if basis is None else basis @ weights
        return LogisticModel(whole, bias, temperature, present, num_classes)

    def _temperature(self, vectors: np.ndarray, codes: np.ndarray, *, random_state: int) -> float:
        classes = int(codes.max()) + 1
        fit = partial(fit_logistic, num_classes=classes, strength=self.strength)
        logits = held_out_logits(vectors, codes, fit, outputs=classes, random_state=random_state)
        return fit_temperature(logits, codes)


def fit_logistic(
    vectors: np.ndarray, codes: np.ndarray, *, num_classes: int, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Minimize the cross-entropy plus ‖weights‖² / (2 · strength); the bias is free.

    Parameters
    ----------
    vectors : ndarray of float64, shape (m, d)
    codes : ndarray of int64, shape (m,)
    num_classes : int
        Classes without a row are allowed.
    strength : float

    Returns
    -------
    weights : ndarray of float64, shape (d, num_classes)
    bias : ndarray of float64, shape (num_classes,)
    """
    target = np.zeros((len(vectors), num_classes))
    target[np.arange(len(vectors)), codes] = 1.0

    def log_loss(logits: np.ndarray) -> tuple[float, np.ndarray]:
        top = logits.max(axis=1, keepdims=True)
        exponentials = np.exp(logits - top)
        sums = exponentials.sum(axis=1, keepdims=True)
        value = float((np.log(sums) + top).sum() - (logits * target).sum())
        return value, exponentials / sums - target

    # A faint pull on the bias keeps it finite for classes without a row.
    return fit_linear(vectors, log_loss, outputs=num_classes, strength=strength, bias_pull=1e-4)


def span(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Express rows in an orthonormal basis of their span when that is smaller; (rows, basis)."""
    if len(vectors) >= vectors.shape[1]:
        return vectors, None
    basis, triangle = np.linalg.qr(vectors.T)
    return triangle.T, basis
