"""The session's models, fitted in the background so that nobody waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from thresher.core.errors import ThresherError

from ..learners.crossfit import cross_fit
from ..learners.learner import Learner
from ..rounds import Fitted, fit_pool
from .state import State


@dataclass(frozen=True)
class Snapshot:
    """The labels of one moment.

    ``strategic`` marks the rows that the strategy chose: its own model is fitted on these alone,
    so that its choices do not depend on which rows the audit arm happened to draw.
    """

    rows: np.ndarray
    targets: np.ndarray
    strategic: np.ndarray
    answers_seen: int
    asks_seen: int

    @classmethod
    def of(cls, state: State) -> Snapshot:
        """Copy what training needs."""
        rows, targets = state.settled()
        return cls(rows, targets, state.strategic[rows], state.answers_seen, state.asks_seen)


@dataclass(frozen=True)
class Models:
    """The strategy's model, the model of all labels, and what they were fitted on.

    ``refit`` makes `held_out`, which only second opinions need.
    """

    selecting: Fitted | None
    best: Fitted | None
    snapshot: Snapshot
    refit: Callable[[], np.ndarray]

    @cached_property
    def held_out(self) -> np.ndarray:
        """Outputs for ``snapshot.rows`` of models without their labels, shape (m, k)."""
        return self.refit()


def fit_models(
    snapshot: Snapshot, vectors: np.ndarray, *, learner: Learner, num_classes: int, seed: int
) -> Models:
    """Fit both models; one fit when they are the same."""

    def fit(mask: np.ndarray) -> Fitted | None:
        if not mask.any():
            return None
        return fit_pool(
            learner,
            vectors,
            rows=snapshot.rows[mask],
            targets=snapshot.targets[mask],
            num_classes=num_classes,
            random_state=seed,
        )

    best = fit(np.ones(len(snapshot.rows), dtype=bool))
    selecting = best if snapshot.strategic.all() else fit(snapshot.strategic)

    def refit() -> np.ndarray:
        return cross_fit(
            learner,
            vectors,
            rows=snapshot.rows,
            targets=snapshot.targets,
            num_classes=num_classes,
            random_state=seed,
            folds=5,
        )

    return Models(selecting, best, snapshot, refit)


class Trainer:
    """Fits the newest labels in a thread; what is asked for meanwhile is one further fit.

    Once models are published, the thread makes their held-out outputs too, unless something newer
    waits, so that a second opinion need not wait for them either.
    """

    def __init__(self, fit: Callable[[Snapshot], Models]) -> None:
        self._fit = fit
        self._lock = threading.Lock()
        self._waiting: Callable[[], Snapshot] | None = None
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._models: Models | None = None
        self._held_out: Models | None = None
        self._took = self._ended = 0.0

    def is_rested(self) -> bool:
        """Whether nothing was being fitted for as long as the last fit took."""
        with self._lock:
            return self._thread is None and time.monotonic() - self._ended >= self._took

    def latest(self, *, held_out: bool = False) -> Models | None:
        """Return the newest finished models; raise what went wrong in the background.

        With `held_out` the newest whose held-out outputs are there.
        """
        with self._lock:
            error, self._error = self._error, None
            if error is not None:
                raise ThresherError(f"Training in the background failed: {error}") from error
            return self._held_out if held_out else self._models

    def train(self, snapshot: Snapshot) -> Models:
        """Fit now, in this thread, and return the models."""
        self.wait()
        known = self._models
        if known is not None and _moment(known.snapshot) == _moment(snapshot):
            return known
        models = self._fit(snapshot)
        with self._lock:
            if known is self._models:
                self._models = models
        return models

    def submit(self, snapshot: Callable[[], Snapshot]) -> None:
        """Fit what `snapshot` returns then in the background, after what is being fitted now."""
        with self._lock:
            self._waiting = snapshot
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def wait(self) -> None:
        """Return when nothing is being fitted."""
        with self._lock:  # a thread that is not started yet cannot be joined
            thread = self._thread
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        began = time.monotonic()
        while True:
            with self._lock:
                snapshot, self._waiting = self._waiting, None
                if snapshot is None:
                    self._thread, self._ended = None, time.monotonic()
                    self._took = self._ended - began
                    return
            try:
                self._publish(self._fit(snapshot()))
            except Exception as error:
                with self._lock:
                    self._error = error

    def _publish(self, models: Models) -> None:
        with self._lock:
            self._models = models
            busy = self._waiting is not None and self._held_out is not None
        if busy:
            return
        if len(models.snapshot.rows) > 1:
            _ = models.held_out
        with self._lock:
            self._held_out = models


def _moment(snapshot: Snapshot) -> tuple[int, int]:
    return snapshot.answers_seen, snapshot.asks_seen
