"""The session's models, fitted in the background so that nobody waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from thresher.core.errors import ThresherError

from .crossfit import CrossFit, cross_fit
from .learners import Learner
from .rounds import Fitted, fit_pool
from .state import State


@dataclass(frozen=True)
class Snapshot:
    """The labels of one moment.

    ``strategic`` marks the rows that the strategy chose: its own model is fitted on these alone,
    so that its choices do not depend on which rows the audit arm happened to draw.
    """

    rows: np.ndarray
    codes: np.ndarray
    strategic: np.ndarray
    answers_seen: int
    asks_seen: int

    @classmethod
    def of(cls, state: State) -> Snapshot:
        """Copy what training needs."""
        rows, codes = state.majority()
        return cls(rows, codes, state.strategic[rows], state.answers_seen, state.asks_seen)


@dataclass(frozen=True)
class Models:
    """The strategy's model, the model of all labels, and what they were fitted on.

    ``refit`` makes `held_out`, which only second opinions need.
    """

    selecting: Fitted | None
    best: Fitted | None
    snapshot: Snapshot
    refit: Callable[[], CrossFit]

    @cached_property
    def held_out(self) -> np.ndarray:
        """Probabilities of ``snapshot.rows`` from models without their labels, shape (m, c)."""
        return self.refit().pred_probs


def fit_models(
    snapshot: Snapshot, vectors: np.ndarray, *, learner: Learner, n_classes: int, seed: int
) -> Models:
    """Fit both models; one fit when they are the same."""

    def fit(mask: np.ndarray) -> Fitted | None:
        if not mask.any():
            return None
        return fit_pool(
            learner,
            vectors,
            rows=snapshot.rows[mask],
            codes=snapshot.codes[mask],
            n_classes=n_classes,
            random_state=seed,
        )

    best = fit(np.ones(len(snapshot.rows), dtype=bool))
    selecting = best if snapshot.strategic.all() else fit(snapshot.strategic)

    def refit() -> CrossFit:
        return cross_fit(
            learner,
            vectors,
            rows=snapshot.rows,
            codes=snapshot.codes,
            n_classes=n_classes,
            population=snapshot.rows,
            random_state=seed,
            folds=5,
        )

    return Models(selecting, best, snapshot, refit)


class Trainer:
    """Fits the newest snapshot in a thread; older ones that wait are dropped."""

    def __init__(self, fit: Callable[[Snapshot], Models]) -> None:
        self._fit = fit
        self._lock = threading.Lock()
        self._waiting: Snapshot | None = None
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._models: Models | None = None

    def latest(self) -> Models | None:
        """Return the newest finished models; raise what went wrong in the background."""
        with self._lock:
            error, self._error = self._error, None
            if error is not None:
                raise ThresherError(f"Training in the background failed: {error}") from error
            return self._models

    def train(self, snapshot: Snapshot) -> None:
        """Fit now, in this thread."""
        self.wait()
        models = self._models
        if models is None or _moment(models.snapshot) != _moment(snapshot):
            self._models = self._fit(snapshot)

    def submit(self, snapshot: Snapshot) -> None:
        """Fit in the background, after what is being fitted now."""
        with self._lock:
            self._waiting = snapshot
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def wait(self) -> None:
        """Return when nothing is being fitted."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._lock:
                snapshot, self._waiting = self._waiting, None
                if snapshot is None:
                    self._thread = None
                    return
            try:
                models = self._fit(snapshot)
            except Exception as error:
                with self._lock:
                    self._error = error
            else:
                with self._lock:
                    self._models = models


def _moment(snapshot: Snapshot) -> tuple[int, int]:
    return snapshot.answers_seen, snapshot.asks_seen
