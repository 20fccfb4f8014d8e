"""What keeps a session's file, state and models in step; `Session` is the way in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from thresher.core.labels import Answer

from .batch_choice import Policy, Request, available_rows, choose_batch
from .fitted_models import Models, Snapshot, Trainer, fit_models
from .state import State
from .store import Ask, LeaseChange, Store

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
        self._choosing = threading.Lock()
        self._candidates = candidates
        self._trainer = Trainer(self.fit)
        self.trained_on = 0
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
            state = self.state
            state.apply(
                *self.store.events_since(state.answers_seen, state.asks_seen, state.changes_seen)
            )
            return state

    def moment(self) -> State:
        """Return a copy of the state, so that what takes long need not hold others up."""
        with self.lock:
            return self.refresh().copy()

    def train(self) -> None:
        """Fit models to the labels of then in the background, where that is wanted."""
        self.trained_on = self.state.answers_seen
        if self.background and self.state.labeled.any():
            self._trainer.submit(self._snapshot)

    def train_when_rested(self) -> None:
        """Fit models to labels that no fit began with, in half of the time at most."""
        if self.trained_on != self.state.answers_seen and self._trainer.is_rested():
            self.train()

    def _snapshot(self) -> Snapshot:
        with self.lock:
            return Snapshot.of(self.state)

    def newest(self) -> Models | None:
        """Return the newest models that are fitted, None before the first; this never waits."""
        return self._trainer.latest()

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

    def lease(
        self, request: Request, *, length: float, now: Callable[[], float], desk: bool = False
    ) -> Ask:
        """Choose rows and lease them for `length` seconds, whatever other processes do meanwhile.

        Rows are chosen outside the database's write lock, and while answers go on being recorded.
        When others came first, again, at most `FREE_TRIES` times; then inside it.
        """
        with self._choosing:
            for _ in range(FREE_TRIES):
                ask = self._choose(self.moment(), replace(request, time=now()), length)
                if self._record(replace(ask, desk=int(desk))):
                    return ask
            with self.lock, self.store.labels.transaction():
                state = self.refresh()
                ask = self._choose(state, replace(request, time=now()), length)
                answers, _ = self.store.counts()
                self.store.insert_ask(replace(ask, answers_at=answers, desk=int(desk)))
            self.refresh()
            return ask

    def change_leases(self, changes: Sequence[LeaseChange]) -> None:
        """Renew leases, or give them back."""
        if not changes:
            return
        with self.lock:
            with self.store.labels.transaction():
                self.store.insert_changes(changes)
            self.refresh()

    def available(self, request: Request) -> int:
        """Return how many rows could be leased by a request now."""
        with self.lock:
            return available_rows(self.refresh(), request)

    def _choose(self, state: State, request: Request, length: float) -> Ask:
        number, own = self._own_uncertainty()
        models = self._models(state, held_out=request.mode in OPINION_MODES)
        rows = choose_batch(self.policy, state, models, replace(request, uncertainty=own))
        snapshot = models.snapshot if models else None
        return Ask(
            id=state.asks_seen + 1,
            annotator=request.annotator,
            mode=request.mode,
            n=request.n,
            audit=request.audit,
            time=request.time,
            expires=request.time + length,
            answers_seen=state.answers_seen,
            model_answers=snapshot.answers_seen if snapshot else 0,
            model_asks=snapshot.asks_seen if snapshot else 0,
            answers_at=0,
            uncertainty=number,
            changes_seen=state.changes_seen,
            rows=tuple(rows),
        )

    def _models(self, state: State, *, held_out: bool) -> Models | None:
        if self.background:
            return self._trainer.latest(held_out=held_out)
        return self.models_of(state) if state.labeled.any() else None

    def _own_uncertainty(self) -> tuple[int, np.ndarray | None]:
        number = self.store.last_uncertainty()
        if number != self._own[0]:
            self._own = number, self.store.uncertainty(number)
        return self._own

    def _record(self, ask: Ask) -> bool:
        served = {row.position for row in ask.rows if row.arm != "claimed"}

        def still_valid() -> bool:
            state = self.state
            answers, _, changes = self.store.events_since(
                ask.answers_seen, ask.id - 1, ask.changes_seen
            )
            touched = {state.position(answer.row_id) for answer in answers}
            touched |= {one.position for one in changes if one.position is not None}
            changed = {(one.ask, one.annotator) for one in changes if one.position is None}
            touched |= {
                place
                for place, lease in state.leases.items()
                if (lease.ask, lease.annotator) in changed
            }
            return not touched & served

        with self.lock:
            self.refresh()
            recorded = self.store.record_ask(ask, still_valid=still_valid)
            self.refresh()
        return recorded
