"""A session and one dataset in Argilla: rows there once, answers here however often they are read.

What was read is kept in a small JSON file: an answer that is not there any more is taken back here,
and a correction that was made here lasts until the answer there changes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from thresher.core.errors import InputError
from thresher.core.files import read_json, write_json
from thresher.core.labels import Answer, latest

from ...sessions.session import Session
from ...sessions.store import AskedRow
from ..exchanged import Exchange
from ..shown import Content, shown_row
from ..table_writing import BLIND
from .connection import Server, check_questions, sdk, talking_to
from .incoming import PulledRecords, Said, read_records
from .outgoing import Outgoing, record_of
from .questions import IMAGE, TEXT, check_task, make_settings

HANDED_TO = "argilla"  # who holds the lease of rows that anybody there may label
FORMAT = 1


NOTHING = PulledRecords(0, (), 0, 0, 0)


@dataclass(frozen=True)
class RecordExchange(Exchange):
    """What one round did; of the records that it read, also those known before."""

    pulled: PulledRecords


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

    def exchange(
        self, n: int, *, content: Callable[[Sequence[str]], Content], lease: float | str = "30d"
    ) -> RecordExchange:
        """Take the answers in, then hand rows out until `n` records wait for one.

        Rows go with what the model says of them, but for those that it is measured by. Rows that an
        interrupted call had handed out and not sent are sent first; a row that is there already is
        changed in place, and its answers stay.

        Parameters
        ----------
        n : int
        content : callable
            Returns what people see of rows, by their ids; see `export_batch`.
        lease : float or str
            How long the rows are kept for the server; see `Session.ask`.
        """
        pulled, there = (NOTHING, set()) if self._dataset is None else self._read()
        rows = self._unsent(there)
        number = min(n - pulled.waiting - len(rows), self._open_rows())
        if number > 0:
            batch = self.session.ask(number, annotator=HANDED_TO, lease=lease)
            asked = zip(batch.row_ids.tolist(), batch.rows, strict=True)
            rows += [self._asked(row_id, row) for row_id, row in asked]
        self._upsert(rows, content([row.row_id for row in rows]) if rows else {})
        handed = tuple(row.row_id for row in rows)
        return RecordExchange(pulled, handed, pulled.waiting + len(handed))

    def _unsent(self, there: set[str]) -> list[Outgoing]:
        """Return the rows that are leased to the server and not there."""
        held = {
            row for row, (holder, _) in self.session.open_leases().items() if holder == HANDED_TO
        }
        state = self.session.state
        wanted = {row for row in held - there if not state.labeled[state.position(row)]}
        return [row for row_id, row in self._asked_before().items() if row_id in wanted]

    def _asked_before(self) -> dict[str, Outgoing]:
        """Return the rows that were ever handed to the server, as at the last time."""
        rows = {}
        for ask in self.session.asks():
            for row in ask.rows if ask.annotator == HANDED_TO else ():
                row_id = str(self.session.state.row_ids[row.position])
                rows[row_id] = self._asked(row_id, row)
        return rows

    def _open_rows(self) -> int:
        """Return how many rows an ask can get."""
        self.session.recorded()  # so that the state knows what other processes did
        return int(self.session.state.available(HANDED_TO, time=time.time()).sum())

    def send_answers(
        self, *, content: Callable[[Sequence[str]], Content]
    ) -> tuple[int, tuple[str, ...]]:
        """Put all answers that count there, as responses of the users who have the same names.

        Returns
        -------
        answers : int
        strangers : tuple of str
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
        asked = self._asked_before()
        rows = [
            replace(
                asked.get(row, Outgoing(row)),
                said=tuple((users[answer.annotator], answer.label) for answer in given),
            )
            for row, given in by_row.items()
        ]
        self._upsert(rows, content(list(by_row)))
        return sum(map(len, by_row.values())), tuple(sorted(unknown))

    def pull(self) -> PulledRecords:
        """Take in what people said there: labels, skips, edits, and answers that are gone.

        Drafts are no answers. An answer in a record that was deleted stays here.
        """
        if self._dataset is None:
            raise InputError(f"There is no dataset {self.where} at {self.server.url} yet.")
        return self._read()[0]

    def _read(self) -> tuple[PulledRecords, set[str]]:
        """Tell what is new there to the session; return which of its rows are there, too."""
        records = self.server.records(self._dataset)
        names = self.server.people(self.workspace)
        reading = read_records(self.session, records, names=names, before=self._said)
        pulled = reading.pulled(self.session.record(reading.fresh, handed_to=HANDED_TO))
        self._said |= reading.said
        self._remember()
        return pulled, set(reading.said)

    def _asked(self, row_id: str, row: AskedRow) -> Outgoing:
        # Where spans lie the model does not know, only which classes there are.
        if row.arm == BLIND or self.session.task.name == "spans":
            return Outgoing(row_id, row.reason)
        return Outgoing(row_id, row.reason, row.suggestion, row.confidence)

    def _upsert(self, rows: Sequence[Outgoing], content: Content) -> None:
        task = self.session.task
        shown = {row.row_id: shown_row(task, row.row_id, content) for row in rows}
        if not rows:
            return
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

    def _make(self, *, image: bool) -> None:
        client = self.server.client
        with talking_to(self.server.url):
            settings = make_settings(self.session.task, image=image, people=self._people)
            made = sdk().Dataset(
                self.name, workspace=self.workspace, settings=settings, client=client
            )
            self._dataset = made.create()
        self._of_images = image
        self._remember()

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
