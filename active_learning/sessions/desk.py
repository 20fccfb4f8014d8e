"""A labeling session for people who must not wait: queues, tabs, undo, and one writer for all."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from filelock import FileLock, Timeout

from thresher.core.errors import InputError, check_choice, check_count, check_number
from thresher.core.labels import Answer
from thresher.core.signatures import checked

from .batch import SKIP, NoLabel, lease_seconds
from .desk_answers import Told, write_answer, write_undo
from .desk_filler import Filler, Terms
from .desk_reporter import Reporter
from .desk_rows import DeskProgress, DeskRow, Handout, Taken
from .desk_writer import DeskClosedError, Writer
from .session import MODES, Session
from .state import encoded

RATE_WINDOW = 600.0
# Seconds that a locked file is waited for while a desk is open: people wait behind it.
PATIENCE = 5.0
LONGEST_NAME = 200


class Desk:
    """A session as a page or another interactive tool needs it: nothing that it asks for waits.

    Rows wait in a queue for each annotator and are chosen ahead by a thread; answers of all are
    written by one thread, several with one flush of the disk; the report is made by a third. Any
    number of threads may use one desk. One process at a time may open a desk on a file; others may
    use the same file by `Session` meanwhile. A desk that is opened after a process was killed takes
    over the rows that the earlier one had handed out.

    Parameters
    ----------
    session : Session
        Stays open when the desk is closed.
    batch : int
        Rows are chosen, twice as many at once, when so many are left for an annotator; fewer in a
        pool of less than 20 times as many, so that the model has a say before it is used up. There
        the audit share of the session is raised until ten rows of the whole pool would be drawn.
    lease : float or str
        How long rows stay with a tab of which nothing is heard: seconds, or a number with a unit s,
        m, h or d.
    mode : {"new", "relabel", "mixed"}
        As in `Session.ask`.
    target : float, optional
        As in `Session.report`.

    Raises
    ------
    InputError
        When another desk is open on the session's file.

    Examples
    --------
    >>> import time
    >>> import numpy as np
    >>> from active_learning import Desk, Session
    >>> vectors = np.random.default_rng(0).normal(size=(20, 2))
    >>> with Session("labels.db", embeddings=vectors, classes=["a", "b"]) as session:
    ...     with Desk(session, batch=3) as desk:
    ...         while not (got := desk.next("ann", lease="tab 1", count=2)).rows:
    ...             time.sleep(0.01)  # got.status is "choosing"
    ...         taken = desk.answer("ann", got.rows[0].row_id, "a", lease="tab 1", key="1")
    ...         again = desk.undo("ann", lease="tab 1", key="2")
    ...         taken.new, again == got.rows[0]
    (True, True)
    """

    @checked
    def __init__(
        self,
        session: Session,
        *,
        batch: int = 20,
        lease: float | str = "2h",
        mode: str = "new",
        target: float | None = None,
    ) -> None:
        check_count("batch", batch, low=1, high=1000)
        check_choice("mode", mode, MODES)
        self.session, self._engine, self._clock = session, session.engine, session.clock
        self._length = lease_seconds(lease)
        labels = self._engine.store.labels
        self._alone = FileLock(f"{labels.path}.desk", timeout=0)
        try:
            self._alone.acquire()
        except Timeout as error:
            raise InputError(
                f"Another desk is open on {labels.path}, here or in another process. Close it, or "
                "use its page."
            ) from error
        self._timeout, labels.timeout = labels.timeout, PATIENCE
        self._labeled_at: deque[float] = deque()
        self._closed = False
        terms = Terms.of(
            batch=batch,
            length=self._length,
            mode=mode,
            audit=session.audit,
            pool=int(self._engine.state.candidates.sum()),
        )
        self._filler = Filler(self._engine, terms, clock=self._clock)
        self._writer: Writer[Told | None] = Writer(
            labels, lock=self._engine.lock, prepare=self._engine.refresh, finish=self._finish
        )
        self._reporter = Reporter(
            lambda: session.report(target=target), seen=lambda: self._engine.state.answers_seen
        )

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what was submitted, give all leases back and stop; the session stays open."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        self._filler.close()
        self._reporter.close()
        self._engine.store.labels.timeout = self._timeout
        self._alone.release()

    @checked
    def next(
        self, annotator: str, *, lease: str, count: int = 1, have: Sequence[str] | None = None
    ) -> Handout:
        """Hand further rows to a tab; never waits.

        Parameters
        ----------
        annotator : str
        lease : str
            Any name of the tab, its own for each: two tabs of an annotator get different rows.
        count : int
            At most so many.
        have : sequence of str, optional
            Row ids that the tab shows, keeps ready or has answers for that were not sent yet. Rows
            that it was given before and that are not among them are given again, and those among
            them that nobody else has are leased to it again: so a page that was loaded again, or
            outlived the server, loses none. By default it has all it was given.

        Raises
        ------
        ThresherError
            When there are no rows since choosing them failed.
        """
        check_count("count", count, low=0, high=1000)
        filler = self._filler
        known = [self._row_id(row) for row in have or ()]
        with filler.lock:
            self._check_open()
            line = filler.line(_named("annotator", annotator, empty=True))
            tab = line.tab(_named("lease", lease), expires=self._clock() + self._length)
            rows = line.take(
                tab,
                count=count,
                have=None if have is None else known,
                fits=lambda row: filler.fits(annotator, row),
            )
            strange = [row for row in known if line.find(row) is None]
            gone = tuple(row for row in strange if filler.is_gone(annotator, row))
            line.claims.update({row: lease for row in strange if row not in gone})
            status = "choosing" if line.status == "rows" else line.status
            line.wanted = line.wanted or len(rows) < count
            filler.lock.notify_all()
        if not rows and count and filler.problem is not None:
            raise filler.problem
        return Handout(tuple(rows), "rows" if rows else status, gone)

    @checked
    def answer(
        self,
        annotator: str,
        row_id: str,
        label: Any,
        *,
        lease: str,
        key: str,
        seconds: float | None = None,
    ) -> Taken:
        """Record one answer; return when it is on disk.

        Parameters
        ----------
        annotator, row_id : str
        label : label or `SKIP`
            As in `Session.tell`.
        lease : str
            The tab.
        key : str
            Any text, another one for each answer of an annotator: an answer that is sent again
            under the same key is not recorded again, even after an undo.
        seconds : float, optional
            Time the answer took.

        Raises
        ------
        InputError
            For an unknown row, a wrong label, or a key of another row.
        StorageError
            When the disk is full or the file is locked; nothing was recorded then.
        """
        if seconds is not None:
            check_number("seconds", seconds, low=0)
        row_id = self._row_id(row_id)
        answer = self._answer(annotator, row_id, label, seconds)
        _named("key", key)
        with self._filler.lock:
            self._check_open()
            line = self._filler.line(_named("annotator", annotator, empty=True))
            known = line.tabs.get(_named("lease", lease))
            late = known is not None and known.expires <= self._clock()
            row = line.find(row_id)
            line.tab(lease, expires=self._clock() + self._length)
        state, store = self._engine.state, self._engine.store
        told = self._writer.submit(
            lambda: write_answer(store, state, answer, key=key, late=late, row=row)
        )
        assert told is not None  # only an undo can find nothing
        return told.taken

    @checked
    def undo(
        self, annotator: str, *, lease: str, key: str, row_id: str | None = None
    ) -> DeskRow | None:
        """Take back the annotator's last answer at a desk; return its row to show it again.

        Again and again, one answer further back each time; None when there is none left. The row is
        leased to the tab. An undo that is sent again under the same key does nothing more.

        With `row_id`, the answer for that row: a tab takes back what was said in it, whatever was
        said in another tab since.
        """
        _named("key", key)
        if row_id is not None:
            row_id = str(self.session.state.row_ids[self.session.state.position(row_id)])
        with self._filler.lock:
            self._check_open()
            line = self._filler.line(_named("annotator", annotator, empty=True))
            tab = line.tab(_named("lease", lease), expires=self._clock() + self._length)
        state, store, now = self._engine.state, self._engine.store, self._clock()
        told = self._writer.submit(
            lambda: write_undo(
                store,
                state,
                annotator,
                row_id=row_id,
                key=key,
                expires=now + self._length,
                now=now,
            )
        )
        if told is None or told.again is None:
            return None
        with self._filler.lock:
            line.drop(told.row_id)
            tab.held[told.row_id] = told.again
        return told.again

    @checked
    def renew(self, annotator: str, lease: str) -> None:
        """Say that a tab lives, so that its rows stay with it."""
        with self._filler.lock:
            self._check_open()
            line = self._filler.line(_named("annotator", annotator, empty=True))
            line.tab(_named("lease", lease), expires=self._clock() + self._length)
            self._filler.lock.notify_all()

    @checked
    def release(self, annotator: str, lease: str) -> None:
        """Say that a tab was closed; its rows go to the annotator's next tab.

        When there is none for a minute, other annotators may have them.
        """
        with self._filler.lock:
            self._check_open()
            line = self._filler.line(_named("annotator", annotator, empty=True))
            line.close_tab(_named("lease", lease))
            line.left = self._clock()
            self._filler.lock.notify_all()

    def progress(self) -> DeskProgress:
        """Return counts, speed and the last report; never waits."""
        state, now = self._engine.state, time.monotonic()
        report, age = self._reporter.last()
        problem = self._filler.problem or self._reporter.problem
        return DeskProgress(
            pool=int(state.candidates.sum()),
            labeled=int(state.labeled.sum()),
            answers=state.answers_of_each(),
            labels_per_hour=self._speed(now),
            report=report,
            report_age=age,
            problem=None if problem is None else str(problem),
        )

    def _speed(self, now: float) -> float | None:
        times = self._labeled_at.copy()
        recent = [moment for moment in times if moment > now - RATE_WINDOW]
        return 3600.0 * len(recent) / max(now - recent[0], 1.0) if recent else None

    def _row_id(self, row_id: str) -> str:
        """Return a row id as the pool spells it; an unknown one is an error."""
        state = self._engine.state
        return str(state.row_ids[state.position(row_id)])

    def _answer(self, annotator: str, row_id: str, label: Any, seconds: float | None) -> Answer:
        if isinstance(label, NoLabel) and label is not SKIP:
            raise InputError("Take an answer back by `undo`, which shows its row again.")
        text = None if label is SKIP else encoded(self.session.task, row_id, label)
        kind = "skip" if label is SKIP else "label"
        return Answer(row_id, text, annotator, kind, seconds=seconds, time=self._clock())

    def _finish(self, written: list[Told | None]) -> None:
        """Bring memory up to date with what is on disk now."""
        self._engine.refresh()
        told = [one for one in written if one is not None]
        now = time.monotonic()
        self._labeled_at.extend(now for one in told if one.label)
        while self._labeled_at and self._labeled_at[0] <= now - RATE_WINDOW:
            self._labeled_at.popleft()
        with self._filler.lock:
            for one in told:
                if one.again is None:
                    self._filler.line(one.annotator).drop(one.row_id)
            self._filler.lock.notify_all()

    def _check_open(self) -> None:
        if self._closed:
            raise DeskClosedError


def _named(what: str, name: str, *, empty: bool = False) -> str:
    if (not name and not empty) or len(name) > LONGEST_NAME:
        raise InputError(
            f"`{what}` must have {0 if empty else 1} to {LONGEST_NAME} characters, got {len(name)}."
        )
    return name
