"""A session and one dataset in Argilla: rows there once, answers here however often they are read.

What was read is kept in a small JSON file: an answer that is not there any more is taken back here,
and a correction that was made here lasts until the answer there changes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thresher.core.errors import InputError
from thresher.core.files import read_json, write_json
from thresher.core.labels import Answer, latest

from ...sessions.batch import Batch, Mark
from ...sessions.session import Session
from ...sessions.store import AskedRow
from ..sheet_ids import SheetIds
from ..shown import Content, shown_row
from ..table_writing import BLIND
from .connection import Server, check_questions, talking_to
from .outgoing import Outgoing, record_of
from .questions import IMAGE, TEXT, check_task, label_of, make_settings

HANDED_TO = "argilla"  # who holds the lease of rows that anybody there may label
FORMAT = 1
Said = dict[str, dict[str, list[str | None]]]


@dataclass(frozen=True)
class Pulled:
    """What reading the answers did.

    Attributes
    ----------
    new : int
        Answers that the session did not have: labels, skips, corrections and ones taken back.
    known : int
        Answers that were read before.
    waiting : int
        Records of the session's rows that nobody has answered.
    foreign : int
        Records that are none of the session's rows.
    set_aside : tuple of str
        Answers that cannot be used, each with its reason.
    """

    new: int
    known: int
    waiting: int
    foreign: int
    set_aside: tuple[str, ...]


class ArgillaDataset:
    """One dataset of a server, for one session.

    Parameters
    ----------
    session : Session
    name : str
        Of the dataset; it is made with the first rows that go there.
    memory : path-like
        JSON file of what was read, made when it is not there.
    server : Server
    workspace : str, optional
        Needed when there are several.
    people : int
        Answers after which Argilla counts a record as done.

    Raises
    ------
    InputError
        For boxes, for which Argilla has no question, for a dataset that asks something else, and
        for a memory of another dataset.
    """

    def __init__(
        self,
        session: Session,
        name: str,
        *,
        memory: str | os.PathLike[str],
        server: Server,
        workspace: str | None = None,
        people: int = 1,
    ) -> None:
        check_task(session.task)
        self.session, self.name, self.server = session, name, server
        self.workspace = server.workspace(workspace)
        self._memory, self._people = Path(memory), people
        self._dataset = server.dataset(name, self.workspace)
        self._of_images = self._dataset is not None and check_questions(
            self._dataset, session.task, where=self.where
        )
        self._said = self._remembered()

    @property
    def where(self) -> str:
        """Workspace and name."""
        return f"{self.workspace}/{self.name}"

    def send(self, batch: Batch, *, content: Content) -> int:
        """Put the rows of a batch there, with what the model says of those that may show it.

        A row that is there already is changed in place: its answers stay.
        """
        rows = zip(batch.row_ids.tolist(), batch.rows, strict=True)
        return self._upsert([self._asked(row_id, row) for row_id, row in rows], content)

    def send_answers(self, *, content: Content) -> tuple[int, tuple[str, ...]]:
        """Put all answers that count there, as responses of the users who have the same names.

        Returns
        -------
        rows : int
        unknown : tuple of str
            Annotators who are no users there; their answers stay here.
        """
        users = {name: key for key, name in self.server.people(self.workspace).items()}
        by_row: dict[str, list[Answer]] = {}
        unknown = set()
        for answer in latest(self.session.history()):
            if answer.annotator in users:
                by_row.setdefault(self.session.state.find(answer.row_id), []).append(answer)
            else:
                unknown.add(answer.annotator)
        rows = [
            Outgoing(row, said=tuple((users[answer.annotator], answer.label) for answer in given))
            for row, given in by_row.items()
        ]
        return self._upsert(rows, content), tuple(sorted(unknown))

    def pull(self) -> Pulled:
        """Take in what people said there: labels, skips, edits, and answers that are gone.

        Drafts are no answers. An answer in a record that was deleted stays here.
        """
        if self._dataset is None:
            raise InputError(f"There is no dataset {self.where} at {self.server.url} yet.")
        reading = _Reading(self)
        fresh = reading.changes(self._said)
        new = self.session.record(fresh)
        known = sum(map(len, reading.said.values())) - sum(each.kind != "undo" for each in fresh)
        self._said |= reading.said
        self._remember()
        return Pulled(new, known, reading.waiting, reading.foreign, tuple(reading.set_aside))

    def _asked(self, row_id: str, row: AskedRow) -> Outgoing:
        # Where spans lie the model does not know, only which classes there are.
        if row.arm == BLIND or self.session.task.name == "spans":
            return Outgoing(row_id, row.reason)
        return Outgoing(row_id, row.reason, row.suggestion, row.confidence)

    def _upsert(self, rows: Sequence[Outgoing], content: Content) -> int:
        task = self.session.task
        shown = {row.row_id: shown_row(task, row.row_id, content) for row in rows}
        if not rows:
            return 0
        kinds = {kind for kind, _ in shown.values()}
        if self._dataset is None:
            self._make(image=kinds == {IMAGE})
        wanted = IMAGE if self._of_images else TEXT
        if kinds != {wanted}:
            raise InputError(
                f"The dataset {self.where} shows one {wanted} a row, but there are rows with "
                f"{' and '.join(sorted(kinds))}."
            )
        with talking_to(self.server.url):
            models = [
                record_of(task, row, {wanted: shown[row.row_id][1]}, self._dataset) for row in rows
            ]
            self.server.upsert(self._dataset, models)
        return len(models)

    def _make(self, *, image: bool) -> None:
        import argilla

        client = self.server.client
        with talking_to(self.server.url):
            settings = make_settings(
                self.session.task, image=image, people=self._people, client=client
            )
            self._dataset = argilla.Dataset(
                self.name, workspace=self.workspace, settings=settings, client=client
            ).create()
        self._of_images = image

    def _remembered(self) -> Said:
        if not self._memory.exists():
            return {}
        held = read_json(self._memory)
        here = {"format": FORMAT, "url": self.server.url, "dataset": self.where}
        for name, value in here.items():
            if held.get(name) != value:
                raise InputError(
                    f"{self._memory} is of the {name} {held.get(name)!r}, not {value!r}. Go on "
                    "with that one, or remove the file to begin with another."
                )
        found: Said = held["said"]
        return found

    def _remember(self) -> None:
        here = {"format": FORMAT, "url": self.server.url, "dataset": self.where}
        write_json(self._memory, {**here, "said": self._said})


class _Reading:
    """All records of a dataset, read once."""

    def __init__(self, dataset: ArgillaDataset) -> None:
        self.said: Said = {}
        self.waiting = self.foreign = 0
        self.set_aside: list[str] = []
        self._task = dataset.session.task
        self._names = dataset.server.people(dataset.workspace)
        find = SheetIds(dataset.session.state).find
        for record in dataset.server.records(dataset._dataset):
            try:
                row_id = find(record.external_id)
            except InputError:
                self.foreign += 1
                continue
            before = dataset._said.get(row_id, {})
            self.said[row_id] = self._of_row(row_id, record.responses or [], before)
            self.waiting += not self.said[row_id]

    def _of_row(
        self, row_id: str, responses: Sequence[Any], before: Mapping[str, list[str | None]]
    ) -> dict[str, list[str | None]]:
        """Return kind and label of each person; one that cannot be used changes nothing."""
        found = {}
        for response in responses:
            person = self._names.get(str(response.user_id), str(response.user_id))
            try:
                label = label_of(self._task, response)
                mark = label if isinstance(label, Mark) else None
                if label is not None:
                    text = None if mark else self._task.encode(label)
                    found[person] = [mark.value if mark else "label", text]
            except InputError as error:
                self.set_aside.append(f"row {row_id!r}, answer of {person}: {error}")
                if person in before:
                    found[person] = before[person]
        return found

    def changes(self, before: Said) -> list[Answer]:
        """Return answers that say what each person says about each row, where that changed."""
        fresh = []
        for row_id, said in self.said.items():
            known = before.get(row_id, {})
            fresh += [
                Answer(row_id, text, person, str(kind))
                for person, (kind, text) in said.items()
                if known.get(person) != [kind, text]
            ]
            gone = known.keys() - said.keys()
            fresh += [Answer(row_id, annotator=person, kind="undo") for person in sorted(gone)]
        return fresh
