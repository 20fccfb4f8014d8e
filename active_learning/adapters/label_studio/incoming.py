"""What people said in a Label Studio project becomes answers of the session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from thresher.core.errors import InputError
from thresher.core.labels import Answer

from ..exchanged import Pulled
from ..sheet_ids import SheetIds
from .connection import Connection, row_of
from .links import Said
from .outgoing import ANNOTATOR
from .tasks import annotator_of, read_annotation

# What a slow request of the server stores late has an older time than what was read already.
OVERLAP = timedelta(minutes=2)
SECOND = timedelta(seconds=1)  # to which the server says what time it is
Key = tuple[str, str]


def pull(connection: Connection, *, everything: bool = False) -> Pulled:
    """Take in what people said since the last time; with `everything`, from all tasks.

    Labels, skips, edits and deleted annotations are told to the session as answers of whoever gave
    them. An answer in a task that was deleted stays. What was told before is not told again, so
    that a correction made elsewhere lasts until the annotation itself changes.
    """
    links = connection.links
    cursor = links.values().get("cursor")
    since = None if everything else _since(cursor, connection.server.now)
    tasks = list(connection.server.tasks(connection.project, since=since))
    reading = _Reading(connection, tasks)
    new = connection.session.record(reading.changes(), handed_to=ANNOTATOR)
    gone = set(links.tasks()) - {int(task["id"]) for task in tasks} if since is None else ()
    newest = max((str(task["updated_at"]) for task in tasks), key=_moment, default=cursor)
    links.match((task, row, None) for task, row in reading.rows.items())
    links.replace(reading.said, gone=gone, cursor=newest)
    links.remember(connection.server.people)
    return Pulled(new, tuple(reading.set_aside), reading.foreign)


class _Reading:
    """What changed tasks say, and how it differs from what they said before."""

    def __init__(self, connection: Connection, tasks: Iterable[Mapping[str, Any]]) -> None:
        self._connection = connection
        self.rows: dict[int, str] = {}
        self.said: dict[int, list[Said]] = {}
        self.set_aside: list[str] = []
        self.foreign = 0
        find = SheetIds(connection.session.state).find
        for task in tasks:
            row = row_of(find, task)
            if row is None:
                self.foreign += 1
                continue
            self.rows[int(task["id"])] = row
        self._known = connection.links.said_of(set(self.rows.values()))
        for task in tasks:
            if int(task["id"]) in self.rows:
                self._read(task)

    def _read(self, task: Mapping[str, Any]) -> None:
        """Keep the last annotation of each person; one that cannot be used changes nothing."""
        number = int(task["id"])
        last: dict[str, Said] = {}
        for annotation in task["annotations"]:
            said: Said | None
            try:
                said = self._annotation(annotation, task)
            except InputError as error:
                name_of = self._connection.server.name_of
                person = annotator_of(annotation.get("completed_by"), name_of)
                self.set_aside.append(
                    f"task {number}, row {self.rows[number]!r}, annotation {annotation.get('id')} "
                    f"of {person or 'an unnamed annotator'}: {error}"
                )
                before = [
                    one for one in self._known if (one.task, one.annotator) == (number, person)
                ]
                said = before[0] if before else None
            if said is not None:
                above = last.get(said.annotator, said)
                last[said.annotator] = max(above, said, key=lambda one: one.order)
        self.said[number] = list(last.values())

    def _annotation(self, annotation: Mapping[str, Any], task: Mapping[str, Any]) -> Said:
        number, control = int(task["id"]), self._connection.control
        text = task["data"].get(control.key)
        return read_annotation(
            annotation,
            self._connection.session.task,
            row_id=self.rows[number],
            number=number,
            name=control.name,
            text=text if isinstance(text, str) else None,
            name_of=self._connection.server.name_of,
        )

    def changes(self) -> list[Answer]:
        """Return answers that say what each person says about each row, where that changed."""
        untouched = [one for one in self._known if one.task not in self.said]
        before = _by_person(self._known)
        after = _by_person(
            [*untouched, *(one for several in self.said.values() for one in several)]
        )
        return [
            _answer(key, after.get(key))
            for key in sorted(before.keys() | after.keys())
            if key not in before or key not in after or before[key].label != after[key].label
        ]


def _by_person(said: Iterable[Said]) -> dict[Key, Said]:
    """Return what each person said last about each row."""
    found: dict[Key, Said] = {}
    for one in sorted(said, key=lambda one: one.order):
        found[one.row_id, one.annotator] = one
    return found


def _answer(key: Key, said: Said | None) -> Answer:
    """Return what the log says of a change."""
    if said is None:
        return Answer(key[0], annotator=key[1], kind="undo")
    return Answer(
        said.row_id,
        said.label,
        said.annotator,
        "skip" if said.label is None else "label",
        seconds=said.seconds,
        time=said.moment,
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _since(cursor: str | None, now: datetime | None) -> str | None:
    """Return from when on tasks have to be read, None for all: also when the clock was set back."""
    if cursor is None or (now is not None and now + SECOND < _moment(cursor)):
        return None
    return (_moment(cursor) - OVERLAP).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
