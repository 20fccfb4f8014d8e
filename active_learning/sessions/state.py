"""Where a session stands: labels, leases and arms of all rows, built from the log.

The state is a fold over the answers and asks, so that the state at any earlier moment can be made
again from a prefix of the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from thresher.core.errors import InputError, did_you_mean
from thresher.core.labels import Answer
from thresher.core.rows import with_letters

from ..tasks import Task
from .batch import NoLabel
from .settled_targets import SettledTargets
from .store import Ask, AskedRow, LeaseChange


@dataclass(frozen=True)
class Lease:
    """A row that is with an annotator until `expires`, or until they answer."""

    annotator: str
    expires: float
    answers_at: int
    ask: int

    def ended_by(self, answer: Answer) -> bool:
        """Return whether an answer is what the row was handed out for.

        It is the holder's; anybody's where the row went to nobody in particular; or the label of a
        person of the server that the row went to. Who skips it there leaves it to the others there.
        """
        theirs = self.annotator in ("", answer.annotator) or (
            answer.round == self.ask and answer.kind == "label"
        )
        return theirs and answer.id > self.answers_at


class State:
    """Labels, leases and arms.

    Parameters
    ----------
    row_ids : ndarray of str, shape (n,)
    task : Task
    candidates : ndarray of bool, shape (n,)
        Rows that may be asked.
    """

    def __init__(self, row_ids: np.ndarray, task: Task, *, candidates: np.ndarray) -> None:
        n = len(row_ids)
        self.row_ids, self.task, self.candidates = row_ids, task, candidates
        self._position = {row: place for place, row in enumerate(row_ids.tolist())}
        # What each annotator said of a row; replaced when it changes, so that copies share it.
        self.answers: dict[int, dict[str, Answer]] = {}
        self.labeled = np.zeros(n, dtype=bool)
        self._chosen = np.zeros(n, dtype=bool)
        self._told = np.zeros(n, dtype=bool)
        self._rows_of: dict[str, set[int]] = {}
        self.drawn: dict[int, AskedRow] = {}
        # Rows that were drawn before the strategy chose them, with their chance not to be.
        self._claimed: dict[int, float] = {}
        # The chance of a row that nobody chose not to have been drawn so far.
        self._undrawn = 1.0
        self.leases: dict[int, Lease] = {}
        # The newest ask of each row by each annotator.
        self._asked: dict[tuple[int, str], int] = {}
        self.answers_seen = 0
        self.asks_seen = 0
        self.changes_seen = 0
        self._targets = SettledTargets(task, n)

    def copy(self) -> State:
        """Return a state that later answers and asks do not change."""
        other = copy(self)
        other.answers = self.answers.copy()
        other.labeled, other._chosen = self.labeled.copy(), self._chosen.copy()
        other._told = self._told.copy()
        other._rows_of = {name: rows.copy() for name, rows in self._rows_of.items()}
        other.drawn, other.leases = dict(self.drawn), dict(self.leases)
        other._asked = dict(self._asked)
        other._claimed = self._claimed.copy()
        other._targets = self._targets.copy()
        return other

    def position(self, row_id: str) -> int:
        """Return the position of a row; an unknown id is an error."""
        place = self._position.get(str(row_id))
        if place is None:  # an id of a version whose ids could look like numbers
            place = self._position.get(str(with_letters(np.array([str(row_id)], object))[0]))
        if place is None:
            hint = did_you_mean(str(row_id), self.row_ids[:1000].tolist())
            raise InputError(f"The row id {row_id!r} is not in the pool.{hint}")
        return place

    def asked(self, row_id: str, annotator: str) -> int:
        """Return the newest ask by which a row went to an annotator, 0 for none."""
        return self._asked.get((self.position(row_id), annotator), 0)

    def find(self, row_id: str) -> str:
        """Return the id that a row has today; an unknown id is an error."""
        return str(self.row_ids[self.position(row_id)])

    def apply_answers(self, answers: Iterable[Answer]) -> None:
        """Take in further answers, in the order of the log."""
        for answer in answers:
            place = self.position(answer.row_id)
            by_person = self.answers.get(place, {}).copy()
            by_person.pop(answer.annotator, None)
            if answer.kind != "undo":
                by_person[answer.annotator] = answer
                self._rows_of.setdefault(answer.annotator, set()).add(place)
            else:
                self._rows_of.get(answer.annotator, set()).discard(place)
            self.answers[place] = by_person
            self.labeled[place] = any(a.kind == "label" for a in by_person.values())
            self._told[place] = True
            self._targets.changed(place)
            lease = self.leases.get(place)
            if lease and lease.ended_by(answer):
                del self.leases[place]
            self.answers_seen = answer.id

    def apply_ask(self, ask: Ask) -> None:
        """Take in a further ask."""
        lease = Lease(ask.annotator, ask.expires, ask.answers_at, ask.id)
        drawn_from = [row.available for row in ask.rows if row.arm == "audit"]
        if drawn_from:
            self._undrawn *= 1.0 - len(drawn_from) / max(drawn_from)
        for row in ask.rows:
            self._asked[row.position, ask.annotator] = ask.id
            if row.arm == "audit":
                self.drawn[row.position] = row
            elif row.arm != "relabel":
                if row.arm == "claimed" and not self._chosen[row.position]:
                    self._claimed[row.position] = self._undrawn
                elif row.arm == "strategy":  # shown as the model sees it, drawn or not
                    self._claimed.pop(row.position, None)
                self._chosen[row.position] = True
            if row.arm != "claimed":
                self.leases[row.position] = lease
        self.asks_seen = ask.id

    def apply(
        self, answers: Sequence[Answer], asks: Sequence[Ask], changes: Sequence[LeaseChange]
    ) -> None:
        """Take in all that is new in the log, each kind in its order.

        A change of leases comes after the answers that were there before it, and before the first
        ask that knew of it.
        """
        waiting, told = deque(changes), deque(answers)

        def catch_up(last: int) -> None:
            while waiting and waiting[0].id <= last:
                change = waiting.popleft()
                while told and told[0].id <= change.answers_at:
                    self.apply_answers([told.popleft()])
                self._apply_change(change)

        for ask in asks:
            catch_up(ask.changes_seen)
            self.apply_ask(ask)
        catch_up(changes[-1].id if changes else 0)
        self.apply_answers(told)

    def _apply_change(self, change: LeaseChange) -> None:
        if change.position is not None:
            places = [change.position]
        else:
            whose = change.ask, change.annotator
            places = [
                place
                for place, lease in self.leases.items()
                if (lease.ask, lease.annotator) == whose
            ]
        for place in places:
            if change.expires <= 0:
                self.leases.pop(place, None)
            else:
                self.leases[place] = Lease(
                    change.annotator, change.expires, change.answers_at, change.ask
                )
        self.changes_seen = change.id

    @property
    def strategic(self) -> np.ndarray:
        """The mask of rows chosen on purpose, shape (n,): by the strategy, or told unasked."""
        mask = self._told.copy()
        mask[list(self.drawn)] = False
        return np.asarray(mask | self._chosen)

    def leased(self, time: float) -> np.ndarray:
        """Return the mask of rows with an open lease, shape (n,)."""
        mask = np.zeros(len(self.row_ids), dtype=bool)
        mask[[place for place, lease in self.leases.items() if lease.expires > time]] = True
        return mask

    def open_leases(self, time: float) -> dict[str, tuple[str, float]]:
        """Return annotator and end of each open lease, by row id."""
        return {
            str(self.row_ids[place]): (lease.annotator, lease.expires)
            for place, lease in self.leases.items()
            if lease.expires > time
        }

    def answered_by(self, annotator: str) -> np.ndarray:
        """Return the mask of rows that an annotator labeled or skipped, shape (n,)."""
        mask = np.zeros(len(self.row_ids), dtype=bool)
        rows = self._rows_of.get(annotator, set())
        mask[np.fromiter(rows, dtype=np.int64, count=len(rows))] = True
        return mask

    def has_answer(self, place: int, annotator: str) -> bool:
        """Whether an annotator labeled or skipped a row."""
        return place in self._rows_of.get(annotator, ())

    def answers_of_each(self) -> dict[str, int]:
        """Return how many rows each annotator has labeled or skipped."""
        return {name: len(rows) for name, rows in self._rows_of.copy().items()}

    def available(self, annotator: str, *, time: float) -> np.ndarray:
        """Return the mask of rows without a label that may be served now, shape (n,)."""
        taken = self.labeled | self.leased(time) | self.answered_by(annotator)
        return np.asarray(self.candidates & ~taken)

    def available_for_relabel(self, annotator: str, *, time: float) -> np.ndarray:
        """Return the mask of rows that someone else has labeled and this annotator has not."""
        free = self.candidates & ~self.leased(time) & ~self.answered_by(annotator)
        return np.asarray(free & self.labeled)

    def texts(self, position: int) -> list[str]:
        """Return the labels that count now for a row, as text, one for each annotator."""
        given = self.answers.get(position, {}).values()
        return [answer.label for answer in given if answer.label is not None]

    def settled(self) -> tuple[np.ndarray, np.ndarray]:
        """Return positions, ascending, and targets of the labeled rows; see `Task.targets`."""
        rows = np.flatnonzero(self.labeled)
        return rows, self._targets.of(rows, texts=self.texts)

    def audited(self) -> np.ndarray:
        """Return the labeled rows that the audit arm drew and the strategy never chose."""
        rows = [place for place in self.drawn if self.labeled[place] and not self._chosen[place]]
        return np.array(sorted(rows), dtype=np.int64)

    def drawn_first(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the labeled rows that were drawn before the strategy chose them, if it did.

        Together they stand for the whole pool, each weighted by the inverse of its chance to have
        been drawn by then, float64, shape (k,), the second array (Horvitz and Thompson, 1952).
        """
        claimed = [place for place in self._claimed if self.labeled[place]]
        rows = np.array(sorted({*self.audited().tolist(), *claimed}), dtype=np.int64)
        missed = [self._claimed.get(place, self._undrawn) for place in rows.tolist()]
        return rows, 1.0 / (1.0 - np.array(missed, dtype=np.float64))


def checked_answers(
    state: State,
    answers: Mapping[str, Any],
    *,
    annotator: str,
    seconds: Mapping[str, float],
    now: float,
) -> list[Answer]:
    """Turn what was told into answers; an unknown row id or a wrong label is an error."""
    checked = []
    for row, label in answers.items():
        mark = label if isinstance(label, NoLabel) else None
        checked.append(
            Answer(
                str(row),
                encoded(state.task, row, label) if mark is None else None,
                annotator,
                "label" if mark is None else mark.value,
                round=ask_of(state, str(row), annotator),
                seconds=seconds.get(row),
                time=now,
            )
        )
    return checked


def placed_answers(
    state: State, answers: Iterable[Answer], *, now: float, handed_to: str = ""
) -> list[Answer]:
    """Check answers whose labels are text as in a file, and say which ask each belongs to.

    Rows may have been handed to a server, `handed_to`, on which the annotators label.
    """
    return [
        replace(
            answer,
            label=(
                None
                if answer.label is None
                else encoded(state.task, answer.row_id, state.task.parse(answer.label))
            ),
            round=ask_of(state, answer.row_id, answer.annotator)
            or state.asked(answer.row_id, handed_to),
            time=now if answer.time is None else answer.time,
        )
        for answer in answers
    ]


def ask_of(state: State, row_id: str, annotator: str) -> int:
    """Return the ask that a row is out by with an annotator, 0 for none."""
    lease = state.leases.get(state.position(row_id))
    return lease.ask if lease and lease.annotator == annotator else 0


def encoded(task: Task, row: str, label: Any) -> str:
    """Return a label as text; an error names the row."""
    try:
        return task.encode(label)
    except InputError as error:
        raise InputError(f"Row {str(row)!r}: {error}") from error
