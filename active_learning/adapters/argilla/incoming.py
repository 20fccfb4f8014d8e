"""What people said in Argilla becomes answers of the session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from thresher.core.errors import InputError
from thresher.core.labels import Answer

from ...sessions.batch import NoLabel
from ...sessions.session import Session
from ...tasks import Task
from ..exchanged import Pulled
from ..sheet_ids import SheetIds
from .questions import label_of

# Kind and label, as text, of each person for each row.
Said = dict[str, dict[str, list[str | None]]]


@dataclass(frozen=True)
class PulledRecords(Pulled):
    """What reading all records did.

    Attributes
    ----------
    known : int
        Answers that were read before.
    waiting : int
        Records of the session's rows that nobody has answered.
    """

    known: int
    waiting: int


@dataclass
class Reading:
    """All records of a dataset, read once.

    Attributes
    ----------
    said : dict
        What is there now, by row and person.
    fresh : list of Answer
        What changed since the last time.
    foreign : int
    set_aside : list of str
        See `PulledRecords`.
    """

    said: Said = field(default_factory=dict)
    fresh: list[Answer] = field(default_factory=list)
    foreign: int = 0
    set_aside: list[str] = field(default_factory=list)

    def pulled(self, new: int) -> PulledRecords:
        """Return the counts, when `new` answers of the fresh ones were not known otherwise."""
        answers = sum(map(len, self.said.values()))
        told = sum(answer.kind != "undo" for answer in self.fresh)
        waiting = sum(not said for said in self.said.values())
        aside = tuple(self.set_aside)
        return PulledRecords(new, aside, self.foreign, answers - told, waiting)


def read_records(
    session: Session, records: Iterable[Any], *, names: Mapping[str, str], before: Said
) -> Reading:
    """Read the responses of all records, and compare them with those of the last time.

    Parameters
    ----------
    session : Session
    records : iterable of the SDK's models
    names : mapping of str to str
        Names of users by id.
    before : dict
        What was said at the last time.
    """
    reading, find = Reading(), SheetIds(session.state).find
    for record in records:
        try:
            row_id = find(record.external_id)
        except InputError:
            reading.foreign += 1
            continue
        known = before.get(row_id, {})
        said = _of_row(reading, session.task, row_id, record.responses or [], names, known)
        reading.said[row_id] = said
        reading.fresh += _changes(row_id, said, known)
    return reading


def _of_row(
    reading: Reading,
    task: Task,
    row_id: str,
    responses: Sequence[Any],
    names: Mapping[str, str],
    known: Mapping[str, list[str | None]],
) -> dict[str, list[str | None]]:
    """Return kind and label of each person; one that cannot be used changes nothing."""
    found = {}
    for response in responses:
        person = names.get(str(response.user_id), str(response.user_id))
        try:
            label = label_of(task, response)
            mark = label if isinstance(label, NoLabel) else None
            if label is not None:
                text = None if mark else task.encode(label)
                found[person] = [mark.value if mark else "label", text]
        except InputError as error:
            reading.set_aside.append(f"row {row_id!r}, answer of {person}: {error}")
            if person in known:
                found[person] = known[person]
    return found


def _changes(
    row_id: str, said: Mapping[str, list[str | None]], known: Mapping[str, list[str | None]]
) -> list[Answer]:
    told = [
        Answer(row_id, text, person, str(kind))
        for person, (kind, text) in said.items()
        if known.get(person) != [kind, text]
    ]
    gone = sorted(known.keys() - said.keys())
    return told + [Answer(row_id, annotator=person, kind="undo") for person in gone]
