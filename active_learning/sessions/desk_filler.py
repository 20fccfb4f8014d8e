"""The thread that keeps rows and a model ready, so that nobody waits for a choice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from thresher.core.errors import InputError, ThresherError

from .batch_choice import Request
from .desk_answers import unasked
from .desk_line import Line
from .desk_log import DeskLog
from .desk_rows import DeskRow, Status, desk_row
from .engine import Engine
from .state import State
from .store import LeaseChange

LINGER = 60.0
PAUSE = 1.0
TRIES = 3
# A pool lasts for ten asks of two batches each, but a batch is no smaller than the fewest.
ROUNDS, FEWEST = 20, 5
# So many rows of a whole pool are drawn to audit the model, at most every second.
AUDITED, MOST_AUDITED = 10, 0.5


@dataclass(frozen=True)
class Terms:
    """What a desk was opened with; see `Desk`."""

    batch: int
    length: float
    mode: str
    audit: float

    @classmethod
    def of(cls, *, batch: int, length: float, mode: str, audit: float, pool: int) -> Terms:
        """Return the terms for a pool of so many rows: in a small one fewer at once, more audited.

        Without an audit there is none in a small pool either.
        """
        few = max(FEWEST, pool // ROUNDS)
        least = min(MOST_AUDITED, AUDITED / max(1, pool))
        return cls(min(batch, few), length, mode, max(audit, least) if audit else 0.0)


class Filler:
    """Lines of all annotators, filled, renewed and given back by one thread.

    Attributes
    ----------
    lines : dict of str to Line
        To be touched under `lock` only.
    problem : str or None
        What went wrong last.
    """

    def __init__(self, engine: Engine, terms: Terms, *, clock: Callable[[], float]) -> None:
        self.lock = threading.Condition()
        self.lines: dict[str, Line] = {}
        self.problem: ThresherError | None = None
        self._engine, self._terms, self._clock = engine, terms, clock
        self._tried: dict[str, float] = {}
        self._closed = False
        self._thread = threading.Thread(target=self._work, daemon=True, name="desk filler")
        self._thread.start()

    def line(self, annotator: str) -> Line:
        """Return the line of an annotator; the caller holds `lock`."""
        return self.lines.setdefault(annotator, Line())

    def close(self) -> None:
        """Stop, and give all leases back."""
        with self.lock:
            self._closed = True
            self.lock.notify_all()
        self._thread.join()
        self._give_back(list(self.lines))

    def fits(self, annotator: str, row: DeskRow) -> bool:
        """Whether a row may still be shown: it is leased to the annotator and unanswered."""
        state, place = self._engine.state, self._engine.state.position(row.row_id)
        lease = state.leases.get(place)
        open_still = lease is not None and lease.expires > self._clock()
        mine = lease is not None and lease.annotator == annotator
        return open_still and mine and not self._answered(annotator, place)

    def _work(self) -> None:
        while True:
            with self.lock:
                annotator = self._neediest()
                if annotator is None and not self._closed:
                    self.lock.wait(timeout=PAUSE)
                    annotator = self._neediest()
                if self._closed:
                    return
            try:
                self._engine.train_when_rested()
                self._keep_leases()
                if annotator is not None:
                    self._fill(annotator)
                    self.problem = None
            except Exception as error:  # a thread that ends would leave everybody waiting
                if isinstance(error, ThresherError):
                    self.problem = error
                else:
                    self.problem = ThresherError(f"Rows could not be chosen: {error!r}")
                with self.lock:
                    self.lock.wait(timeout=PAUSE)

    def _neediest(self) -> str | None:
        """Return the annotator with the fewest rows waiting, of those who need some."""
        now = time.monotonic()
        needy = [
            (len(line.waiting), annotator)
            for annotator, line in self.lines.items()
            if line.claims
            or (line.tabs and self._is_short(line) and now >= self._tried.get(annotator, 0.0))
        ]
        return min(needy)[1] if needy else None

    def _is_short(self, line: Line) -> bool:
        few = len(line.waiting) <= self._terms.batch
        return few and (line.status in ("rows", "choosing") or line.wanted)

    def _fill(self, annotator: str) -> None:
        """Put rows into a line, or write down why there are none."""
        with self.lock:
            line = self.lines[annotator]
            line.wanted = False
        rows = [] if line.adopted else self._held_before(annotator)
        line.adopted = True
        self._lease_again(annotator)
        status: Status = "rows"
        if len(rows) <= self._terms.batch:
            chosen, status = self._choose(annotator)
            rows += chosen
        if status != "rows":  # look again, at most so often
            self._tried[annotator] = time.monotonic() + PAUSE
        with self.lock:
            line.add(rows)
            line.status = status

    def _choose(self, annotator: str) -> tuple[list[DeskRow], Status]:
        terms, state = self._terms, self._engine.state
        request = Request(annotator, 0, terms.mode, terms.audit, self._clock())
        for attempt in range(TRIES):
            free = self._engine.available(request)
            if not free:
                with self._engine.lock:
                    return [], _why_none(state, annotator, now=self._clock())
            try:
                ask = self._engine.lease(
                    replace(request, n=min(free, 2 * terms.batch)),
                    length=terms.length,
                    now=self._clock,
                    desk=True,
                )
            except InputError:  # somebody else was faster, or it is a fault
                if attempt == TRIES - 1 or self._engine.available(request) == free:
                    raise
                continue
            return [
                desk_row(state.task, str(state.row_ids[row.position]), row, batch=ask.id)
                for row in ask.rows
                if row.arm != "claimed"
            ], "rows"
        return [], "choosing"

    def _lease_again(self, annotator: str) -> None:
        """Lease rows to tabs that say to have them, unless somebody else was faster."""
        with self.lock:
            line = self.lines[annotator]
            claims, line.claims = line.claims, {}
        if not claims:
            return
        engine, log, now = self._engine, DeskLog(self._engine.store), self._clock()
        places = {row: engine.state.position(row) for row in claims}
        asks = log.last_asks(annotator, places.values())
        rows = [
            desk_row(
                engine.state.task,
                row,
                log.asked(asks.get(place, 0), place) or unasked(place),
                batch=asks.get(place, 0),
            )
            for row, place in places.items()
        ]
        with engine.lock:
            with engine.store.labels.transaction():
                engine.refresh()
                rows = [row for row in rows if not self.is_gone(annotator, row.row_id)]
                end = now + self._terms.length
                engine.store.insert_changes(
                    [
                        LeaseChange(row.batch, places[row.row_id], annotator, end, now)
                        for row in rows
                    ]
                )
            engine.refresh()
        with self.lock:
            for row in rows:
                line.hold(line.tab(claims[row.row_id], expires=end), row)

    def is_gone(self, annotator: str, row_id: str) -> bool:
        """Whether a row is with somebody else, or was answered."""
        state, place = self._engine.state, self._engine.state.position(row_id)
        lease = state.leases.get(place)
        others = lease is not None and lease.annotator != annotator
        return self._answered(annotator, place) or bool(
            others and lease and lease.expires > self._clock()
        )

    def _answered(self, annotator: str, place: int) -> bool:
        state = self._engine.state
        by_others = self._terms.mode == "new" and bool(state.labeled[place])
        return state.has_answer(place, annotator) or by_others

    def _held_before(self, annotator: str) -> list[DeskRow]:
        """Return rows that an earlier desk leased to the annotator and that are open still."""
        engine, now = self._engine, self._clock()
        with engine.lock:
            state = engine.refresh()
            leases = {
                place: lease.ask
                for place, lease in state.leases.items()
                if lease.annotator == annotator and lease.expires > now
            }
        rows = []
        log = DeskLog(engine.store)
        for number in log.of_desks(set(leases.values())):
            for row in log.rows_asked(number):
                if leases.get(row.position) == number:
                    row_id = str(state.row_ids[row.position])
                    rows.append(desk_row(state.task, row_id, row, batch=number))
        return [row for row in rows if self.fits(annotator, row)]

    def _keep_leases(self) -> None:
        """Renew the leases of annotators who are there, give those of others back."""
        now = self._clock()
        with self.lock:
            for line in self.lines.values():
                had = bool(line.tabs)
                line.close_dead_tabs(now)
                if had and not line.tabs:
                    line.left = now
            left = [
                name
                for name, line in self.lines.items()
                if not line.tabs and line.waiting and not line.left <= now < line.left + LINGER
            ]
            changes = [
                LeaseChange(batch, None, name, now + self._terms.length, now)
                for name, line in self.lines.items()
                if line.tabs
                for batch in self._running_out(name, line, now=now)
            ]
        self._engine.change_leases(changes)
        self._give_back(left)

    def _running_out(self, annotator: str, line: Line, *, now: float) -> set[int]:
        """Return the asks of which half of the time of a lease is over."""
        leases, position = self._engine.state.leases, self._engine.state.position
        soon = now + self._terms.length / 2
        found = set()
        for row in line.rows():
            lease = leases.get(position(row.row_id))
            if lease and lease.annotator == annotator and now < lease.expires <= soon:
                found.add(lease.ask)
        return found

    def _give_back(self, annotators: list[str]) -> None:
        now = self._clock()
        with self.lock:
            changes = [
                LeaseChange(batch, None, name, 0.0, now)
                for name in annotators
                for batch in sorted(self.lines[name].batches())
            ]
            for name in annotators:
                self.lines[name].clear()
                self.lines[name].status = "choosing"
        self._engine.change_leases(changes)


def _why_none(state: State, annotator: str, *, now: float) -> Status:
    if not state.candidates.any():
        return "empty"
    out = state.candidates & ~state.labeled & ~state.answered_by(annotator) & state.leased(now)
    return "taken" if out.any() else "done"
