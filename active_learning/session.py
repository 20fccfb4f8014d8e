"""A labelling session: hand out rows, take answers, say how good the model is."""

from __future__ import annotations

import os
import threading
import time as clocks
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError, check_choice, check_number
from thresher.core.labels import Answer

from .annotators import Consensus
from .batch import SKIP, Batch, Mark, lease_seconds
from .context import make_context
from .heads import LogisticHead
from .learners import Learner
from .opinions import most_doubtful, session_consensus
from .report import Report, make_report
from .serving import Policy, Request, choose_batch
from .settings import open_store
from .state import State, checked_answers
from .store import Ask
from .strategies import get_strategy
from .strategies.strategy import Strategy
from .training import Models, Snapshot, Trainer, fit_models

MODES = ("new", "relabel", "mixed")
FREE_TRIES = 3


class Session:
    """A pool that is being labelled, kept in one SQLite file.

    Any number of processes and threads may open the same file. Answers are on disk when `tell`
    returns; killing the process loses none. The file holds no embeddings: give the same ones each
    time.

    Parameters
    ----------
    path : path-like
        Made when it is not there.
    embeddings : Embeddings or ndarray, shape (n, d)
    ids : ndarray of str, shape (n,), optional
        Default those of `embeddings`.
    classes : sequence of str, optional
        Needed for a new file.
    strategy : str or Strategy, optional
        Default ``"auto"``, or what the file was started with.
    learner : Learner, optional
        Default `LogisticHead`. Must be the same each time for replays to agree.
    candidates : ndarray of bool, shape (n,), optional
        Rows that may be asked.
    costs, weights : ndarray, shape (n,), optional
    audit : float, optional
        Share of rows drawn at random to measure the model, default 0.1.
    random_state : int, optional
        Default 0, or that of the file.
    background : bool
        Fit models in a thread, so that `ask` never waits; otherwise `ask` fits first.
    clock : callable
        Returns seconds since 1970.

    Raises
    ------
    InputError
        When the file was started with another pool, seed, strategy, audit share or classes.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        embeddings: np.ndarray | Embeddings,
        ids: np.ndarray | None = None,
        classes: list[str] | tuple[str, ...] | None = None,
        strategy: str | Strategy | None = None,
        learner: Learner | None = None,
        candidates: np.ndarray | None = None,
        costs: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        audit: float | None = None,
        random_state: int | None = None,
        background: bool = True,
        clock: Callable[[], float] = clocks.time,
    ) -> None:
        context = make_context(
            embeddings=embeddings,
            row_ids=ids,
            candidates=candidates,
            costs=costs,
            weights=weights,
        )
        given = None if strategy is None else get_strategy(strategy)
        self._store, settings = open_store(
            path,
            context,
            classes=classes,
            strategy=given,
            audit=audit,
            seed=random_state,
        )
        self.classes: tuple[str, ...] = settings.classes
        self.audit = settings.audit
        self.policy = Policy(
            Embeddings(context.row_ids, context.vectors),
            given or get_strategy(settings.strategy),
            learner or LogisticHead(),
            costs,
            weights,
            settings.random_state,
        )
        self._candidates, self._clock, self._background = context.candidates, clock, background
        self._lock = threading.RLock()
        self._trainer = Trainer(self._fit)
        self.state = self._new_state()
        self._refresh()
        self._train()

    def _new_state(self) -> State:
        return State(self.policy.embeddings.row_ids, self.classes, candidates=self._candidates)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for the training that runs and close the file."""
        self._trainer.wait()
        self._store.close()

    def wait(self) -> None:
        """Return when the newest model is fitted."""
        self._trainer.wait()

    def _fit(self, snapshot: Snapshot) -> Models:
        return fit_models(
            snapshot,
            self.policy.embeddings.vectors,
            learner=self.policy.learner,
            n_classes=len(self.classes),
            seed=self.policy.seed,
        )

    def _refresh(self) -> None:
        for ask in self._store.asks_since(self.state.asks_seen):
            self.state.apply_ask(ask)
        self.state.apply_answers(self._store.answers_since(self.state.answers_seen))

    def _train(self) -> None:
        if self.state.labeled.any():
            snapshot = Snapshot.of(self.state)
            if self._background:
                self._trainer.submit(snapshot)
            else:
                self._trainer.train(snapshot)

    def ask(
        self,
        n: int = 1,
        *,
        annotator: str = "",
        lease: float | str = "2h",
        audit: float | None = None,
        mode: str = "new",
    ) -> Batch:
        """Lease `n` rows to an annotator.

        Parameters
        ----------
        n : int
        annotator : str
            Empty for an unnamed one.
        lease : float or str
            Seconds, or a number with a unit s, m, h or d. A row that is not answered by then is
            served again.
        audit : float, optional
            Share of random rows; default that of the session.
        mode : {"new", "relabel", "mixed"}
            Rows without a label, rows that deserve a second opinion, or whichever is worth more.

        Raises
        ------
        InputError
            When fewer rows are available; the message says how many.
        """
        check_number("n", n, low=1)
        check_choice("mode", mode, MODES)
        share = self.audit if audit is None else check_number("audit", audit, low=0, high=1)
        length = lease_seconds(lease)
        with self._lock:
            for _ in range(FREE_TRIES):
                ask = self._prepare(Request(annotator, n, mode, share, self._clock()), length)
                if self._record(ask):
                    return self._batch(ask)
            # Others keep coming first: choose while nobody else can write.
            with self._store.labels.transaction():
                ask = self._prepare(Request(annotator, n, mode, share, self._clock()), length)
                answers, _ = self._store.counts()
                self._store.insert_ask(replace(ask, answers_at=answers))
            return self._batch(ask)

    def _prepare(self, request: Request, length: float) -> Ask:
        self._refresh()
        if not self._background:
            self._train()
        models = self._trainer.latest()
        rows = choose_batch(self.policy, self.state, models, request)
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
            rows=tuple(rows),
        )

    def _record(self, ask: Ask) -> bool:
        served = {row.position for row in ask.rows if row.arm != "claimed"}

        def still_valid() -> bool:
            newer = self._store.answers_since(ask.answers_seen)
            return not any(self.state.position(answer.row_id) in served for answer in newer)

        return self._store.record_ask(ask, still_valid=still_valid)

    def _batch(self, ask: Ask) -> Batch:
        self._refresh()
        rows = tuple(row for row in ask.rows if row.arm != "claimed")
        ids = self.policy.embeddings.row_ids[[row.position for row in rows]]
        return Batch(ask.id, ask.annotator, ids, rows, ask.expires)

    def tell(
        self,
        answers: Mapping[str, str | Mark],
        *,
        annotator: str = "",
        seconds: Mapping[str, float] | None = None,
    ) -> int:
        """Record answers: any rows of the pool, in any order, at any time.

        Telling the same twice changes nothing; another label for a row corrects the first.

        Parameters
        ----------
        answers : mapping of row id to class, `SKIP` or `UNDO`
        annotator : str
        seconds : mapping of row id to float, optional
            Time each answer took.

        Returns
        -------
        int
            Answers that were new.

        Raises
        ------
        InputError
            For an unknown row id or class; then nothing of this call is recorded.
        """
        with self._lock:
            now = self._clock()
            new = self._store.labels.record(
                checked_answers(
                    self.state, answers, annotator=annotator, seconds=seconds or {}, now=now
                )
            )
            self._refresh()
            if new and self._background:
                self._train()
        return new

    def recorded(self) -> dict[tuple[str, str], str | Mark]:
        """Return what counts now for each row id and annotator: a class, or `SKIP`."""
        with self._lock:
            self._refresh()
            return {
                (answer.row_id, answer.annotator): answer.label or SKIP
                for by_person in self.state.answers.values()
                for answer in by_person.values()
            }

    def history(self) -> list[Answer]:
        """Return every answer ever told, oldest first; corrected and undone ones too."""
        return self._store.answers_since(0)

    def asks(self) -> list[Ask]:
        """Return every ask with its rows, arms and propensities, oldest first."""
        return self._store.asks_since(0)

    def open_leases(self) -> dict[str, tuple[str, float]]:
        """Return annotator and end of the lease of each row that is out now, by row id."""
        with self._lock:
            self._refresh()
            return self.state.open_leases(self._clock())

    def labels(self, *, method: str = "auto") -> Consensus:
        """Return one label for each labelled row, with its quality; see `consensus`.

        With ``"auto"`` the classifier has a say as soon as two annotators have answered.
        """
        with self._lock:
            self._refresh()
            if not self.state.labeled.any():
                raise InputError("Nothing is labelled yet.")
            self._trainer.train(Snapshot.of(self.state))
            return session_consensus(self.state, self._trainer.latest(), method=method)

    def suspects(self, n: int) -> list[tuple[str, float]]:
        """Return the `n` labelled rows whose label is most in doubt, with scores, low = bad."""
        check_number("n", n, low=1)
        with self._lock:
            self._refresh()
            if not self.state.labeled.any():
                return []
            self._trainer.train(Snapshot.of(self.state))
            return most_doubtful(self.state, self._trainer.latest(), n=n)

    def report(self, *, target: float | None = None) -> Report:
        """Say how good the model is, what labelling costs, and whether to stop.

        Parameters
        ----------
        target : float, optional
            Accuracy to reach; the labels still needed are predicted.
        """
        with self._lock:
            self._refresh()
            answers = self._store.answers_since(0)
            return make_report(self.policy, self.state, answers=answers, target=target)

    def replay(self) -> list[int]:
        """Choose every batch again from the log; return the numbers of asks that differ.

        An empty list says that the log explains every batch, bit for bit.
        """
        from .replay import replay

        with self._lock:
            return replay(self.policy, self._store, self._new_state, fit=self._fit)
