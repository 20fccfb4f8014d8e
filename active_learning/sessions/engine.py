"""What keeps a session's file, state and models in step; `Session` is the way in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from thresher.core.labels import Answer

from .batch_choice import Policy, Request, choose_batch
from .fitted_models import Models, Snapshot, Trainer, fit_models
from .state import State
from .store import Ask, Store

FREE_TRIES = 3
OPINION_MODES = ("relabel", "mixed")


class Engine:
    """The moving parts of one session in one process.

    Parameters
    ----------
    store : Store
    policy : Policy
    candidates : ndarray of bool, shape (n,)
    background : bool
        Fit models in a thread, so that `lease` never waits; otherwise `lease` fits first.
    """

    def __init__(
        self, store: Store, policy: Policy, *, candidates: np.ndarray, background: bool
    ) -> None:
        self.store, self.policy, self.background = store, policy, background
        self.lock = threading.RLock()
        self._candidates = candidates
        self._trainer = Trainer(self.fit)
        self._own: tuple[int, np.ndarray | None] = (0, None)
        self.state = self.new_state()
        self.refresh()
        self.train()

    def new_state(self) -> State:
        """Return the state before anything was asked."""
        ids = self.policy.embeddings.row_ids
        return State(ids, self.policy.task, candidates=self._candidates)

    def close(self) -> None:
        """Wait for the training that runs and close the file."""
        self._trainer.wait()
        self.store.close()

    def wait(self) -> None:
        """Return when the newest model is fitted."""
        self._trainer.wait()

    def fit(self, snapshot: Snapshot) -> Models:
        """Fit the models of one moment."""
        return fit_models(
            snapshot,
            self.policy.embeddings.vectors,
            learner=self.policy.learner,
            num_classes=len(self.policy.task.classes),
            seed=self.policy.seed,
        )

    def refresh(self) -> State:
        """Take in what this and other processes wrote, and return the state."""
        with self.lock:
            for ask in self.store.asks_since(self.state.asks_seen):
                self.state.apply_ask(ask)
            self.state.apply_answers(self.store.answers_since(self.state.answers_seen))
            return self.state

    def moment(self) -> State:
        """Return a copy of the state, so that what takes long need not hold others up."""
        with self.lock:
            return self.refresh().copy()

    def train(self) -> None:
        """Fit models to the labels that the state holds in the background, where that is wanted."""
        if self.background and self.state.labeled.any():
            self._trainer.submit(Snapshot.of(self.state))

    def models_of(self, state: State) -> Models:
        """Return the models of all labels of a state, fitted now if need be."""
        return self._trainer.train(Snapshot.of(state))

    def record(self, answers: Sequence[Answer]) -> int:
        """Append answers and return how many were new."""
        with self.lock:
            new = self.store.labels.record(answers)
            self.refresh()
            if new:
                self.train()
        return new

    def lease(self, request: Request, *, length: float, now: Callable[[], float]) -> Ask:
        """Choose rows and lease them for `length` seconds, whatever other processes do meanwhile.

        Rows are chosen outside the database's write lock. When others came first, again, at most
        `FREE_TRIES` times; then inside it.
        """
        with self.lock:
            for _ in range(FREE_TRIES):
                ask = self._choose(replace(request, time=now()), length)
                if self._record(ask):
                    self.refresh()
                    return ask
            with self.store.labels.transaction():
                ask = self._choose(replace(request, time=now()), length)
                answers, _ = self.store.counts()
                self.store.insert_ask(replace(ask, answers_at=answers))
            self.refresh()
            return ask

    def _choose(self, request: Request, length: float) -> Ask:
        self.refresh()
        number, own = self._own_uncertainty()
        models = self._models(held_out=request.mode in OPINION_MODES)
        rows = choose_batch(self.policy, self.state, models, replace(request, uncertainty=own))
        snapshot = models.snapshot if models else None
        return Ask(
            id=self.state.asks_seen + 1,
            annotator=request.annotator,
            mode=request.mode,
            n=request.n,
            audit=request.audit,
            time=request.time,
            expires=request.time + length,
            answers_seen=self.state.answers_seen,
            model_answers=snapshot.answers_seen if snapshot else 0,
            model_asks=snapshot.asks_seen if snapshot else 0,
            answers_at=0,
            uncertainty=number,
            rows=tuple(rows),
        )

    def _models(self, *, held_out: bool) -> Models | None:
        if self.background:
            return self._trainer.latest(held_out=held_out)
        return self.models_of(self.state) if self.state.labeled.any() else None

    def _own_uncertainty(self) -> tuple[int, np.ndarray | None]:
        number = self.store.last_uncertainty()
        if number != self._own[0]:
            self._own = number, self.store.uncertainty(number)
        return self._own

    def _record(self, ask: Ask) -> bool:
        served = {row.position for row in ask.rows if row.arm != "claimed"}

        def still_valid() -> bool:
            newer = self.store.answers_since(ask.answers_seen)
            return not any(self.state.position(answer.row_id) in served for answer in newer)

        return self.store.record_ask(ask, still_valid=still_valid)
