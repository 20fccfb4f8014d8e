"""Where a session stands: labels, leases and arms of all rows, built from the log.

The state is a fold over the answers and asks, so that the state at any earlier moment can be made
again from a prefix of the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from thresher.core.errors import InputError, check_choice, did_you_mean
from thresher.core.labels import Answer

from .batch import Mark
from .store import Ask, AskedRow


@dataclass(frozen=True)
class Lease:
    """A row that is with an annotator until `expires`, or until they answer."""

    annotator: str
    expires: float
    answers_at: int
    ask: int


class State:
    """Labels, leases and arms.

    Parameters
    ----------
    row_ids : ndarray of str, shape (n,)
    classes : tuple of str
    candidates : ndarray of bool, shape (n,)
        Rows that may be asked.
    """

    def __init__(
        self, row_ids: np.ndarray, classes: tuple[str, ...], *, candidates: np.ndarray
    ) -> None:
        n = len(row_ids)
        self.row_ids, self.classes, self.candidates = row_ids, classes, candidates
        self.code = {name: number for number, name in enumerate(classes)}
        self._position = {row: place for place, row in enumerate(row_ids.tolist())}
        self.answers: dict[int, dict[str, Answer]] = {}
        self.labeled = np.zeros(n, dtype=bool)
        self._chosen = np.zeros(n, dtype=bool)
        self.drawn: dict[int, AskedRow] = {}
        self.leases: dict[int, Lease] = {}
        self.answers_seen = 0
        self.asks_seen = 0

    def position(self, row_id: str) -> int:
        """Return the position of a row; an unknown id is an error."""
        place = self._position.get(str(row_id))
        if place is None:
            hint = did_you_mean(str(row_id), self.row_ids[:1000].tolist())
            raise InputError(f"The row id {row_id!r} is not in the pool.{hint}")
        return place

    def apply_answers(self, answers: Iterable[Answer]) -> None:
        """Take in further answers, in the order of the log."""
        for answer in answers:
            place = self.position(answer.row_id)
            by_person = self.answers.setdefault(place, {})
            by_person.pop(answer.annotator, None)
            if answer.kind != "undo":
                by_person[answer.annotator] = answer
            self.labeled[place] = any(a.kind == "label" for a in by_person.values())
            lease = self.leases.get(place)
            if lease and lease.annotator == answer.annotator and answer.id > lease.answers_at:
                del self.leases[place]
            self.answers_seen = answer.id

    def apply_ask(self, ask: Ask) -> None:
        """Take in a further ask."""
        lease = Lease(ask.annotator, ask.expires, ask.answers_at, ask.id)
        for row in ask.rows:
            if row.arm == "audit":
                self.drawn[row.position] = row
            elif row.arm != "relabel":
                self._chosen[row.position] = True
            if row.arm != "claimed":
                self.leases[row.position] = lease
        self.asks_seen = ask.id

    @property
    def strategic(self) -> np.ndarray:
        """The mask of rows chosen on purpose, shape (n,): by the strategy, or told unasked."""
        mask = self._chosen.copy()
        mask[[place for place in self.answers if place not in self.drawn]] = True
        return mask

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
        """Return the mask of rows that an annotator labelled or skipped, shape (n,)."""
        mask = np.zeros(len(self.row_ids), dtype=bool)
        mask[[place for place, given in self.answers.items() if annotator in given]] = True
        return mask

    def available(self, annotator: str, *, time: float) -> np.ndarray:
        """Return the mask of rows without a label that may be served now, shape (n,)."""
        taken = self.labeled | self.leased(time) | self.answered_by(annotator)
        return np.asarray(self.candidates & ~taken)

    def available_for_relabel(self, annotator: str, *, time: float) -> np.ndarray:
        """Return the mask of rows that someone else has labelled and this annotator has not."""
        free = self.candidates & ~self.leased(time) & ~self.answered_by(annotator)
        return np.asarray(free & self.labeled)

    def majority(self) -> tuple[np.ndarray, np.ndarray]:
        """Return positions, ascending, and codes of the labelled rows; ties to the first class."""
        rows = np.flatnonzero(self.labeled)
        codes = np.empty(len(rows), dtype=np.int64)
        for number, place in enumerate(rows):
            given = self.answers[int(place)].values()
            votes = Counter(self.code[a.label] for a in given if a.label is not None)
            codes[number] = min(votes, key=lambda code: (-votes[code], code))
        return rows, codes

    def audited(self) -> np.ndarray:
        """Return the labelled rows that the audit arm drew and the strategy never chose."""
        rows = [place for place in self.drawn if self.labeled[place] and not self._chosen[place]]
        return np.array(sorted(rows), dtype=np.int64)


def checked_answers(
    state: State,
    answers: Mapping[str, str | Mark],
    *,
    annotator: str,
    seconds: Mapping[str, float],
    now: float,
) -> list[Answer]:
    """Turn what was told into answers; an unknown row id or class is an error."""
    checked = []
    for row, label in answers.items():
        lease = state.leases.get(state.position(row))
        if isinstance(label, str):
            check_choice(f"label of row {row}", label, state.classes)
        checked.append(
            Answer(
                str(row),
                label if isinstance(label, str) else None,
                annotator,
                "label" if isinstance(label, str) else label.value,
                round=lease.ask if lease and lease.annotator == annotator else 0,
                seconds=seconds.get(row),
                time=now,
            )
        )
    return checked
