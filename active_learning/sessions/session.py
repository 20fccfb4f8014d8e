"""A labeling session: hand out rows, take answers, say how good the model is."""

from __future__ import annotations

import os
import time as clocks
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError, check_choice, check_count, check_number
from thresher.core.labels import Answer
from thresher.core.moved import renamed
from thresher.core.options import with_options_described
from thresher.core.signatures import checked

from ..annotators.classes import Consensus
from ..learners.learner import Learner, as_learner
from ..pool.arrays import plain, uncertainty_of
from ..pool.context import make_context
from ..pool.instances import Instances
from ..pool.options import RowOptions
from ..strategies import get_strategy
from ..strategies.strategy import Strategy
from ..tasks import Task
from .batch import SKIP, Batch, lease_seconds
from .batch_choice import Policy, Request
from .engine import Engine
from .report import Report, make_report
from .second_opinions import most_doubtful, session_consensus
from .settings import Wanted, open_store
from .state import State, checked_answers, placed_answers
from .store import Ask

MODES = ("new", "relabel", "mixed")


@with_options_described
class Session:
    """A pool that is being labeled, kept in one SQLite file.

    Any number of processes and threads may open the same file. Answers are on disk when `tell`
    returns; killing the process loses none. The file holds no embeddings: give the same ones each
    time.

    Parameters
    ----------
    path : path-like
        Made when it is not there; files of older versions are brought up to date.
    embeddings : Embeddings or ndarray, shape (n, d)
        A torch tensor will do.
    classes : sequence of str, optional
        Needed for a new file, except for regression.
    task : str or Task, optional
        ``"classification"`` (default), ``"multi_label"``, ``"regression"``, ``"spans"`` or
        ``"boxes"``; or as the file was started.
    strategy : str or Strategy, optional
        Default ``"auto"``, or what the file was started with.
    learner : Learner, optional
        Default that of the task. Must be the same each time for replays to agree.
    audit : float, optional
        Share of rows drawn at random to measure the model, default 0.1.
    random_state : int, optional
        Default 0, or that of the file.
    background : bool
        Fit models in a thread, so that `ask` never waits; otherwise `ask` fits first.
    clock : callable
        Returns seconds since 1970.
    **options

    Raises
    ------
    InputError
        When the file was started with another pool, seed, strategy, audit share, task or classes.

    Examples
    --------
    >>> import numpy as np
    >>> from active_learning import Session
    >>> vectors = np.random.default_rng(0).normal(size=(20, 2))
    >>> with Session("labels.db", embeddings=vectors, classes=["a", "b"]) as session:
    ...     batch = session.ask(3, annotator="ann")
    ...     told = session.tell({row: "a" for row in batch.row_ids}, annotator="ann")
    ...     session.labels().labels.tolist()
    ['a', 'a', 'a']
    """

    @renamed(ids="row_ids")
    @checked
    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        embeddings: np.ndarray | Embeddings,
        classes: Sequence[str] | None = None,
        task: str | Task | None = None,
        strategy: str | Strategy | None = None,
        learner: Learner | None = None,
        audit: float | None = None,
        random_state: int | None = None,
        background: bool = True,
        clock: Callable[[], float] = clocks.time,
        **options: Unpack[RowOptions],
    ) -> None:
        context = make_context(embeddings, **options)
        given = None if strategy is None else get_strategy(strategy)
        store, settings = open_store(
            path, context, Wanted(task, classes, given, audit, random_state)
        )
        self.task: Task = settings.task
        self.classes: tuple[str, ...] = settings.task.classes
        self.audit = settings.audit
        self.policy = Policy(
            Embeddings(context.row_ids, context.vectors),
            given or get_strategy(settings.strategy),
            as_learner(learner or settings.task.learner()),
            None if options.get("costs") is None else context.costs,
            None if options.get("weights") is None else context.weights,
            settings.random_state,
            settings.task,
        )
        self.clock = clock
        self.engine = Engine(
            store, self.policy, candidates=context.candidates, background=background
        )

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def state(self) -> State:
        """Labels and leases as last read from the file."""
        return self.engine.state

    def close(self) -> None:
        """Wait for the training that runs and close the file."""
        self.engine.close()

    def wait(self) -> None:
        """Return when the newest model is fitted."""
        self.engine.wait()

    @checked
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
        check_count("n", n, low=1)
        check_choice("mode", mode, MODES)
        share = self.audit if audit is None else check_number("audit", audit, low=0, high=1)
        request = Request(annotator, n, mode, share, self.clock())
        length = lease_seconds(lease)
        ask = self.engine.lease(request, length=length, now=self.clock)
        rows = tuple(row for row in ask.rows if row.arm != "claimed")
        ids = self.policy.embeddings.row_ids[[row.position for row in rows]]
        return Batch(ask.id, ask.annotator, ids, rows, ask.expires)

    @checked
    def tell(
        self,
        answers: Mapping[str, Any],
        *,
        annotator: str = "",
        seconds: Mapping[str, float] | None = None,
    ) -> int:
        """Record answers: any rows of the pool, in any order, at any time.

        Telling the same twice changes nothing; another label for a row corrects the first.

        Parameters
        ----------
        answers : mapping of row id to label, `SKIP` or `UNDO`
            A label is a class, a set of classes, a number, or a list of spans or boxes.
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
            For an unknown row id or a wrong label; then nothing of this call is recorded.
        """
        return self.engine.record(
            checked_answers(
                self.state,
                answers,
                annotator=annotator,
                seconds=seconds or {},
                now=self.clock(),
            )
        )

    def record(self, answers: Sequence[Answer], *, handed_to: str = "") -> int:
        """Record answers of any annotators that another tool has taken, all or none.

        Parameters
        ----------
        answers : sequence of Answer
            With labels as text, as in a file. A time that is given is kept.
        handed_to : str
            Under which name the rows were asked for that tool; ``round`` of the answers is then
            that ask.

        Returns
        -------
        int
            Answers that were new.

        Raises
        ------
        InputError
            For an unknown row id or a wrong label; then nothing of this call is recorded.
        """
        placed = placed_answers(self.state, answers, now=self.clock(), handed_to=handed_to)
        return self.engine.record(placed)

    def give_uncertainty(self, uncertainty: np.ndarray | Instances) -> None:
        """Choose by your own model from now on: its uncertainty of each row, shape (n,).

        With `Instances`, those of spans, boxes or other parts, made one for each row. They are
        kept in the file, for all processes and for replays, until others are given.
        """
        ids = self.policy.embeddings.row_ids
        values = uncertainty_of(plain(uncertainty), None, row_ids=ids)
        if values is None:
            raise InputError("Give the uncertainty of each row, or `Instances`.")
        self.engine.store.record_uncertainty(values, time=self.clock())

    def recorded(self) -> dict[tuple[str, str], Any]:
        """Return what counts now for each row id and annotator: a label, or `SKIP`."""
        with self.engine.lock:
            state = self.engine.refresh()
            return {
                (answer.row_id, answer.annotator): (
                    SKIP if answer.label is None else self.task.decode(answer.label)
                )
                for by_person in state.answers.values()
                for answer in by_person.values()
            }

    def history(self) -> list[Answer]:
        """Return every answer ever told, oldest first; corrected and undone ones too."""
        return self.engine.store.answers_since(0)

    def asks(self) -> list[Ask]:
        """Return every ask with its rows, arms and propensities, oldest first."""
        return self.engine.store.asks_since(0)

    def open_leases(self) -> dict[str, tuple[str, float]]:
        """Return annotator and end of the lease of each row that is out now, by row id."""
        with self.engine.lock:
            return self.engine.refresh().open_leases(self.clock())

    @checked
    def labels(self, *, method: str = "auto", gold: Mapping[Any, Any] | None = None) -> Consensus:
        """Return one label for each labeled row, with its quality; see `consensus`.

        With ``"auto"`` the classifier has a say as soon as two annotators have answered. Scores are
        agreement, or with control questions (`gold`) probabilities.
        """
        state = self.engine.moment()
        if not state.labeled.any():
            raise InputError("Nothing is labeled yet.")
        return session_consensus(state, self.engine.models_of(state), method=method, gold=gold)

    @checked
    def suspects(self, n: int) -> list[tuple[str, float]]:
        """Return the `n` labeled rows whose label is most in doubt, with scores, low = bad."""
        check_count("n", n, low=1)
        state = self.engine.moment()
        if not state.labeled.any():
            return []
        return most_doubtful(state, self.engine.models_of(state), n=n)

    @checked
    def report(self, *, target: float | None = None) -> Report:
        """Say how good the model is, what labeling costs, and whether to stop.

        Parameters
        ----------
        target : float, optional
            Accuracy to reach, or mean absolute error; the labels still needed are predicted.
        """
        state = self.engine.moment()
        answers = self.engine.store.answers_since(0)
        return make_report(self.policy, state, answers=answers, target=target)

    def replay(self) -> list[int]:
        """Choose every batch again from the log; return the numbers of asks that differ.

        An empty list says that the log explains every batch: the same rows in the same order, and
        scores and propensities that are equal to within a hundred-thousandth.
        """
        from .replay import replay

        engine = self.engine
        return replay(self.policy, engine.store, engine.new_state, fit=engine.fit)
