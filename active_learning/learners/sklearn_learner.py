"""Any scikit-learn estimator as a learner."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np

from thresher.core.errors import InputError
from thresher.core.moved import renamed
from thresher.core.numerics.softmax import softmax

from .learner import Predictor, constant_predictor

MEMBERS = 5


@dataclass(frozen=True)
class SklearnLearner:
    """Any scikit-learn classifier, regressor or pipeline; it is cloned for every fit.

    * One class a row: ``predict_proba``, or the softmax of ``decision_function`` where there is no
      other (order the rows by it, do not read it as a probability). Classes without a label yet get
      probability 0; with a single class no model is fitted.
    * Several classes: one clone for each class.
    * Regression: ``predict``; the standard deviation is the estimator's own (``return_std``), or
      that of five clones fitted on bootstrap samples.

    Every ``random_state`` among its parameters is set.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from active_learning import SklearnLearner
    >>> learner = SklearnLearner(KNeighborsClassifier(n_neighbors=1))
    >>> fitted = learner(np.eye(4), np.array([0, 0, 1, 1]), num_classes=2, random_state=0)
    >>> fitted(np.eye(4)).argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """

    estimator: Any

    def __post_init__(self) -> None:
        if isinstance(self.estimator, type) or not hasattr(self.estimator, "fit"):
            raise InputError(
                f"A scikit-learn estimator is needed, got {self.estimator!r}. Give an object, such "
                "as LogisticRegression()."
            )

    @renamed(n_classes="num_classes")
    def __call__(
        self, vectors: np.ndarray, targets: np.ndarray, *, num_classes: int, random_state: int
    ) -> Predictor:
        """Fit clones; see `Learner`."""
        if targets.ndim == 2:
            return self._fit_sets(vectors, targets, random_state=random_state)
        if np.issubdtype(targets.dtype, np.floating):
            return self._fit_numbers(vectors, targets, random_state=random_state)
        return self._fit_classes(
            vectors, targets, num_classes=num_classes, random_state=random_state
        )

    def _fit(self, vectors: np.ndarray, targets: np.ndarray, *, random_state: int) -> Any:
        from sklearn.base import clone

        model = clone(self.estimator)
        seeds = [name for name in model.get_params() if name.split("__")[-1] == "random_state"]
        model.set_params(**dict.fromkeys(seeds, random_state))
        return model.fit(vectors, targets)

    def _fit_classes(
        self, vectors: np.ndarray, codes: np.ndarray, *, num_classes: int, random_state: int
    ) -> Predictor:
        present, inner = np.unique(codes, return_inverse=True)
        if len(present) == 1:
            return constant_predictor(int(present[0]), labels=len(codes), num_classes=num_classes)
        model = self._fit(vectors, inner, random_state=random_state)

        def predict(rows: np.ndarray) -> np.ndarray:
            probs = np.zeros((len(rows), num_classes), dtype=np.float32)
            probs[:, present] = _probabilities(model, rows)
            return probs

        return predict

    def _fit_sets(
        self, vectors: np.ndarray, targets: np.ndarray, *, random_state: int
    ) -> Predictor:
        columns = targets.astype(np.int64).T
        models = [
            self._fit_classes(vectors, column, num_classes=2, random_state=random_state)
            for column in columns
        ]

        def predict(rows: np.ndarray) -> np.ndarray:
            return np.stack([model(rows)[:, 1] for model in models], axis=1)

        return predict

    def _fit_numbers(
        self, vectors: np.ndarray, targets: np.ndarray, *, random_state: int
    ) -> Predictor:
        if "return_std" in inspect.signature(self.estimator.predict).parameters:
            model = self._fit(vectors, targets, random_state=random_state)

            def predict(rows: np.ndarray) -> np.ndarray:
                return np.stack(model.predict(rows, return_std=True), axis=1).astype(np.float32)

            return predict
        rng = np.random.default_rng((random_state, 11))
        samples = [rng.integers(len(targets), size=len(targets)) for _ in range(MEMBERS)]
        models = [
            self._fit(vectors[rows], targets[rows], random_state=random_state + member)
            for member, rows in enumerate(samples)
        ]

        def predict_many(rows: np.ndarray) -> np.ndarray:
            found = np.stack([model.predict(rows) for model in models])
            return np.stack([found.mean(axis=0), found.std(axis=0)], axis=1).astype(np.float32)

        return predict_many


def _probabilities(model: Any, rows: np.ndarray) -> np.ndarray:
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(rows))
    if not hasattr(model, "decision_function"):
        raise InputError(
            f"{type(model).__name__} has neither `predict_proba` nor `decision_function`, which a "
            "classifier needs here."
        )
    scores = np.asarray(model.decision_function(rows), dtype=np.float64)
    if scores.ndim == 1:
        scores = np.stack([np.zeros_like(scores), scores], axis=1)
    return softmax(scores)
