"""The journal of a review: each step of each person, append-only, in one SQLite file.

A step gives one verdict to some rows, or takes an earlier step back. Nothing is changed or deleted,
so that undoing goes to any depth; what was accepted is on disk (see `thresher.core.labels`).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.labels import Labels
from ..verdict import VERDICTS, Verdict

# The file in the folder of a review.
JOURNAL = "verdicts.db"
# Seconds until a page hears that another process keeps writing; it sends again.
PATIENCE_S = 5.0
# What takes the verdict of a row away again.
NOTHING = "none"
CODES = (NOTHING, *VERDICTS)
STEPS = """
CREATE TABLE IF NOT EXISTS steps (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  person TEXT NOT NULL,
  time REAL NOT NULL,
  verdict TEXT,
  label TEXT,
  note TEXT,
  rows TEXT NOT NULL,
  undoes INTEGER REFERENCES steps (id),
  key TEXT UNIQUE,
  CHECK ((verdict IS NULL) = (undoes IS NOT NULL))
)"""
DECISIONS = "CREATE TABLE IF NOT EXISTS decisions (fingerprint TEXT NOT NULL)"


@dataclass(frozen=True)
class Step:
    """What one person said of some rows at once, or which step was taken back.

    Attributes
    ----------
    id : int
        Place in the journal, from 1; the order that counts.
    person : str
    verdict : str or None
        One of `CODES`; None for a step that takes another one back.
    label, note : str or None
    rows : ndarray of int64
        Positions of the rows, sorted.
    undoes : int or None
        The step that is taken back.
    time : float
        Seconds since 1970.
    """

    id: int
    person: str
    verdict: str | None
    label: str | None
    note: str | None
    rows: np.ndarray = field(repr=False)
    undoes: int | None = None
    time: float = 0.0


class Journal:
    """The verdicts in one file, which several processes may use at a time.

    Parameters
    ----------
    path : path-like
        Made when it is not there.
    row_ids : sequence of str, shape (n,)
        All rows of the decisions that are reviewed.
    decisions : str
        Their fingerprint; see `thresher.core.Manifest.fingerprint`.

    Raises
    ------
    InputError
        When the file is none of ours, is about other decisions, or names a row that is not there.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, row_ids: Sequence[str], decisions: str
    ) -> None:
        self.row_ids = list(row_ids)
        self._position = {row_id: at for at, row_id in enumerate(self.row_ids)}
        self._steps: dict[int, Step] = {}
        self._before: dict[int, np.ndarray] = {}
        self._undone: set[int] = set()
        self._of_row = np.zeros(len(self.row_ids), np.int64)
        self.last = 0
        self.file = Labels(path, timeout=PATIENCE_S)
        try:
            self._begin(decisions)
            self.catch_up()
        except InputError:
            self.file.close()
            raise

    def _begin(self, decisions: str) -> None:
        with self.file.transaction():
            for statement in (STEPS, DECISIONS):
                self.file.connection.execute(statement)
            for table in ("steps", "decisions"):
                self.file.protect(table)
            found = self.file.connection.execute("SELECT fingerprint FROM decisions").fetchone()
            if found is None:
                self.file.connection.execute("INSERT INTO decisions VALUES (?)", (decisions,))
            elif found[0] != decisions:
                raise InputError(
                    f"{self.file.path} holds verdicts about other decisions than those in the "
                    "folder now. Move it away to begin a new review."
                )

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def record(
        self,
        verdict: str,
        rows: np.ndarray,
        *,
        person: str,
        label: str | None = None,
        note: str | None = None,
        key: str | None = None,
    ) -> Step:
        """Append one verdict about some rows, which is on disk when this returns.

        Parameters
        ----------
        verdict : str
            One of `CODES`; ``"none"`` takes the rows' verdicts away.
        rows : ndarray of int64
            Positions of rows.
        person : str
        label : str, optional
            With ``"relabel"`` alone.
        note : str, optional
        key : str, optional
            What was sent under a key before is not written again.

        Raises
        ------
        StorageError
            When nothing could be written: a full disk, or another process that keeps writing.
        """
        names = json.dumps([self.row_ids[row] for row in np.unique(rows).tolist()])
        return self._append(person, verdict, label, note, names, None, key)

    def undo(self, person: str, *, key: str | None = None) -> Step | None:
        """Take back the last step of a person that was not taken back yet; None without one.

        What was sent under a `key` before is not done again; its step is returned.
        """
        with self.file.lock:
            self.catch_up()
            before = self._keyed(key)
            if before is not None:
                return self._steps[before.undoes or before.id]
            mine = (
                step.id
                for step in reversed(self._steps.values())
                if step.person == person and step.undoes is None and step.id not in self._undone
            )
            last = next(mine, None)
            if last is None:
                return None
            self._append(person, None, None, None, "[]", last, key)
            return self._steps[last]

    def _append(
        self,
        person: str,
        verdict: str | None,
        label: str | None,
        note: str | None,
        names: str,
        undoes: int | None,
        key: str | None,
    ) -> Step:
        with self.file.lock:
            with self.file.transaction():
                before = self._keyed(key)
                if before is not None:
                    return before
                cursor = self.file.connection.execute(
                    "INSERT INTO steps (person, time, verdict, label, note, rows, undoes, key) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (person, time.time(), verdict, label, note, names, undoes, key),
                )
                added = int(cursor.lastrowid or 0)
            self.catch_up()
            return self._steps[added]

    def _keyed(self, key: str | None) -> Step | None:
        if key is None:
            return None
        select = "SELECT id FROM steps WHERE key = ?"
        found = self.file.connection.execute(select, (key,)).fetchone()
        if found is None:
            return None
        self.catch_up()
        return self._steps[found[0]]

    def catch_up(self) -> int:
        """Read what was added since, also by other processes, and return the last step's id."""
        with self.file.lock:
            found = self.file.connection.execute(
                "SELECT id, person, verdict, label, note, rows, undoes, time FROM steps "
                "WHERE id > ? ORDER BY id",
                (self.last,),
            ).fetchall()
            for step_id, person, verdict, label, note, rows, undoes, at in found:
                places = self._places(json.loads(rows))
                self._take(Step(step_id, person, verdict, label, note, places, undoes, at))
            return self.last

    def _places(self, names: list[str]) -> np.ndarray:
        unknown = [name for name in names if name not in self._position]
        if unknown:
            raise InputError(
                f"{self.file.path} holds a verdict about row {unknown[0]!r}, which is not among "
                "the decisions. Move the file away to begin a new review."
            )
        return np.array(sorted(self._position[name] for name in names), np.int64)

    def _take(self, step: Step) -> None:
        self._steps[step.id], self.last = step, step.id
        if step.undoes is None:
            self._before[step.id] = self._of_row[step.rows]
            self._of_row[step.rows] = step.id
            return
        self._undone.add(step.undoes)
        rows = self._steps[step.undoes].rows
        mine = rows[self._of_row[rows] == step.undoes]
        self._of_row[mine] = self._earlier(mine, step.undoes)

    def _earlier(self, rows: np.ndarray, step: int) -> np.ndarray:
        """Return the last step before `step` that counts for each row, 0 where there is none."""
        found = self._given_before(rows, step)
        while gone := self._undone.intersection(np.unique(found).tolist()):
            for each in gone:
                here = found == each
                found[here] = self._given_before(rows[here], each)
        return found

    def _given_before(self, rows: np.ndarray, step: int) -> np.ndarray:
        found: np.ndarray = self._before[step][np.searchsorted(self._steps[step].rows, rows)]
        return found

    def __len__(self) -> int:
        """Return the number of rows that have a verdict."""
        return len(self.judged())

    def judged(self) -> np.ndarray:
        """Return the positions of the rows that have a verdict, sorted; int64."""
        with self.file.lock:
            rows = np.flatnonzero(self._of_row)
            codes = {step: self._steps[step].verdict for step in np.unique(self._of_row[rows])}
            kept = [codes[step] != NOTHING for step in self._of_row[rows].tolist()]
            judged: np.ndarray = rows[np.array(kept, dtype=bool)]
            return judged

    def verdicts(self) -> Iterator[tuple[int, Step]]:
        """Yield each row that has a verdict with the step that gave it, in the rows' order."""
        now = self.state()
        for row, step in zip(now["rows"].tolist(), now["steps"].tolist(), strict=True):
            yield row, now["said"][step]

    def state(self) -> dict[str, Any]:
        """Return the verdicts that count, as arrays.

        Returns
        -------
        dict
            ``last`` (the journal's last step), ``rows`` (int64, positions), ``steps`` (int64, the
            step of each) and ``said`` (the steps by id).
        """
        with self.file.lock:
            rows = self.judged()
            steps = self._of_row[rows]
            said = {step: self._steps[step] for step in np.unique(steps).tolist()}
            return {"last": self.last, "rows": rows, "steps": steps, "said": said}


def verdicts_of(journal: Journal) -> dict[Verdict, str]:
    """Return the verdicts that count, as a file would hold them in the order of the rows.

    Each with the name of the person who gave it.
    """
    return {
        Verdict(
            journal.row_ids[row], str(step.verdict), label=step.label, note=step.note
        ): step.person
        for row, step in journal.verdicts()
    }
