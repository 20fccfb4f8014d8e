"""Learners: anything that turns labelled embeddings into class probabilities for the pool.

A learner is a callable, so that a user's own function is one too. Adapters for scikit-learn
estimators and torch modules are here; the built-in head is in `heads`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from thresher.core.errors import InputError, check_number

if TYPE_CHECKING:
    import torch

Predictor = Callable[[np.ndarray], np.ndarray]


class Learner(Protocol):
    """Fits on labelled rows.

    Called with vectors, float32, shape (m, d), and targets; returns a function from vectors, shape
    (n, d), to outputs, float32. The same arguments must give the same bits.

    * one class a row: targets are codes, int64, shape (m,), each in 0 … ``n_classes`` − 1; outputs
      are probabilities, shape (n, n_classes), that sum to one.
    * several classes: targets are 0 or 1, float32, shape (m, n_classes); outputs are probabilities
      of each, shape (n, n_classes).
    * regression: targets are numbers, float64, shape (m,); outputs are means and standard
      deviations, shape (n, 2).
    """

    def __call__(
        self, vectors: np.ndarray, targets: np.ndarray, /, *, n_classes: int, random_state: int
    ) -> Predictor:
        """Fit and return the predictor."""


@dataclass(frozen=True)
class SklearnLearner:
    """Any scikit-learn classifier with ``predict_proba``; it is cloned for every fit.

    Classes without a label yet get probability 0; with a single class no model is fitted.
    """

    estimator: Any

    def __post_init__(self) -> None:
        if not hasattr(self.estimator, "predict_proba"):
            raise InputError(
                f"{type(self.estimator).__name__} has no `predict_proba`. Wrap it in "
                "sklearn.calibration.CalibratedClassifierCV."
            )

    def __call__(
        self, vectors: np.ndarray, codes: np.ndarray, *, n_classes: int, random_state: int
    ) -> Predictor:
        """Fit a clone."""
        from sklearn.base import clone

        present, inner = np.unique(codes, return_inverse=True)
        if len(present) == 1:
            return constant_predictor(int(present[0]), labels=len(codes), n_classes=n_classes)
        model = clone(self.estimator)
        if "random_state" in model.get_params():
            model.set_params(random_state=random_state)
        model.fit(vectors, inner)

        def predict(rows: np.ndarray) -> np.ndarray:
            probs = np.zeros((len(rows), n_classes), dtype=np.float32)
            probs[:, present] = model.predict_proba(rows)
            return probs

        return predict


@dataclass(frozen=True)
class TorchLearner:
    """A torch module trained from scratch at every fit with AdamW on cross-entropy.

    Parameters
    ----------
    make_module : callable
        ``make_module(d, n_classes)`` returns a module from vectors to logits. It is called under a
        seed of its own; the global torch state is kept.
    epochs, batch_size, lr, weight_decay
        Of the training.
    """

    make_module: Callable[[int, int], torch.nn.Module]
    epochs: int = 60
    batch_size: int = 64
    lr: float = 1e-2
    weight_decay: float = 1e-4

    def __post_init__(self) -> None:
        check_number("epochs", self.epochs, low=1)
        check_number("batch_size", self.batch_size, low=1)
        check_number("lr", self.lr, low=0, low_open=True)

    def __call__(
        self, vectors: np.ndarray, codes: np.ndarray, *, n_classes: int, random_state: int
    ) -> Predictor:
        """Train a new module."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(random_state)
            module = self.make_module(vectors.shape[1], n_classes)
            self._train(module, torch.from_numpy(vectors), torch.from_numpy(codes))
        module.eval()

        def predict(rows: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                probs = torch.softmax(module(torch.from_numpy(rows)).float(), dim=1)
            return np.asarray(probs.numpy())

        return predict

    def _train(self, module: torch.nn.Module, vectors: torch.Tensor, codes: torch.Tensor) -> None:
        import torch

        optimizer = torch.optim.AdamW(
            module.parameters(), lr=self.lr, weight_decay=self.weight_decay
        )
        module.train()
        for _ in range(self.epochs):
            order = torch.randperm(len(vectors))
            for batch in torch.split(order, self.batch_size):
                optimizer.zero_grad()
                loss = torch.nn.functional.cross_entropy(module(vectors[batch]), codes[batch])
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()


def constant_predictor(code: int, *, labels: int, n_classes: int) -> Predictor:
    """Return a predictor for when all labels so far are of one class.

    Laplace's rule: (labels + 1) / (labels + n_classes) for that class, the rest shared evenly.
    """
    probs = np.full(n_classes, 1.0 / (labels + n_classes), dtype=np.float32)
    probs[code] = (labels + 1.0) / (labels + n_classes)

    def predict(rows: np.ndarray) -> np.ndarray:
        return np.tile(probs, (len(rows), 1))

    return predict


def committee_probs(
    learner: Learner,
    vectors: np.ndarray,
    codes: np.ndarray,
    *,
    pool: np.ndarray,
    n_classes: int,
    members: int = 5,
    random_state: int = 0,
) -> np.ndarray:
    """Return probabilities of learners fitted on bootstrap samples, shape (members, n, n_classes).

    Query by bagging (Abe and Mamitsuka, 1998).
    """
    rng = np.random.default_rng((random_state, 1))
    result = []
    for member in range(members):
        rows = rng.integers(len(codes), size=len(codes))
        fitted = learner(
            vectors[rows], codes[rows], n_classes=n_classes, random_state=random_state + member
        )
        result.append(fitted(pool))
    return np.stack(result)


def dropout_probs(
    predict: Predictor,
    pool: np.ndarray,
    *,
    passes: int = 3,
    rate: float = 0.75,
    random_state: int = 0,
) -> np.ndarray:
    """Return probabilities with a share `rate` of input dimensions zeroed, shape (passes, n, c).

    As in DropQuery, but each pass drops the same dimensions for all rows, so that no n × d mask is
    made; what is kept is scaled up.
    """
    rng = np.random.default_rng((random_state, 2))
    masks = rng.random((passes, pool.shape[1])) >= rate
    return np.stack([predict(pool * (mask / (1.0 - rate)).astype(np.float32)) for mask in masks])
