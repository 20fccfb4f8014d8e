"""What a session knows of its Label Studio project: one small SQLite file beside the session's.

It can be lost: the project's tasks carry their row ids, so that connecting again finds them.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass

from thresher.core.errors import InputError

APPLICATION = 0x5448524B  # "THRK"
TABLES = (
    # Values of the connection by name: url, project, made, cursor, mark.
    "CREATE TABLE IF NOT EXISTS link (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    # Rows that the session handed out; `task` is null until the server has one.
    "CREATE TABLE IF NOT EXISTS rows (ask INTEGER, slot INTEGER, row_id TEXT NOT NULL,"
    " task INTEGER, PRIMARY KEY (ask, slot)) WITHOUT ROWID",
    # Every task of the project that is one of our rows, ours or imported by someone else.
    "CREATE TABLE IF NOT EXISTS tasks (task INTEGER PRIMARY KEY, row_id TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS tasks_of_row ON tasks (row_id)",
    # What each person said in each task when it was last read; it has been told to the session.
    "CREATE TABLE IF NOT EXISTS said (task INTEGER, annotator TEXT, row_id TEXT NOT NULL,"
    " label TEXT, seconds REAL, moment REAL NOT NULL, annotation INTEGER NOT NULL,"
    " PRIMARY KEY (task, annotator)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS said_of_row ON said (row_id)",
    "CREATE TABLE IF NOT EXISTS people (number INTEGER PRIMARY KEY, name TEXT NOT NULL)",
)


@dataclass(frozen=True)
class Handed:
    """A row that the session handed out to the server, at a place of one of its asks."""

    ask: int
    slot: int
    row_id: str


@dataclass(frozen=True)
class Said:
    """What an annotator said in a task.

    Attributes
    ----------
    task : int
    annotator, row_id : str
    label : str or None
        Encoded; None for a skip.
    seconds : float or None
        Time the annotator took.
    moment : float
        Seconds since 1970, by the server's clock.
    annotation : int
        Its number.
    """

    task: int
    annotator: str
    row_id: str
    label: str | None
    seconds: float | None
    moment: float
    annotation: int

    @property
    def order(self) -> tuple[float, int, int]:
        """What one annotator said last about a row has the largest."""
        return self.moment, self.annotation, self.task


class Links:
    """The file; every method leaves it whole, whenever the process is killed.

    Parameters
    ----------
    path : path-like
        Made when it is not there.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            path, timeout=60.0, isolation_level=None, check_same_thread=False
        )
        try:
            self._open(str(path))
        except BaseException:
            self._connection.close()
            raise

    def _open(self, path: str) -> None:
        try:
            there = self._connection.execute("PRAGMA application_id").fetchone()[0]
            tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise InputError(f"{path} cannot be opened ({error}). Remove it: the connection is "
                             "found again.") from error  # fmt: skip
        if tables and there != APPLICATION:
            raise InputError(f"{path} is an SQLite file of another program.")
        with self._transaction():
            self._connection.execute(f"PRAGMA application_id = {APPLICATION}")
            for statement in TABLES:
                self._connection.execute(statement)
        if "mark" not in self.values():
            self.put(mark=uuid.uuid4().hex)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def values(self) -> dict[str, str]:
        """Return the values of the connection by name."""
        with self._lock:
            return dict(self._connection.execute("SELECT name, value FROM link").fetchall())

    def put(self, **values: str) -> None:
        """Set values of the connection."""
        with self._transaction():
            self._connection.executemany(
                "INSERT OR REPLACE INTO link VALUES (?, ?)", list(values.items())
            )

    def remember(self, people: Mapping[int, str]) -> None:
        """Note the names of people by their numbers, as files of the server call them."""
        with self._transaction():
            self._connection.executemany(
                "INSERT OR REPLACE INTO people VALUES (?, ?)", list(people.items())
            )

    def people(self) -> dict[str, str]:
        """Return the names of people by their numbers as text."""
        with self._lock:
            found = self._connection.execute("SELECT number, name FROM people").fetchall()
        return {str(number): name for number, name in found}

    def last_ask(self) -> int:
        """Return the number of the newest ask of which the rows are here, 0 for none."""
        with self._lock:
            found = self._connection.execute("SELECT coalesce(max(ask), 0) FROM rows")
            return int(found.fetchone()[0])

    def hand_out(self, rows: Sequence[Handed]) -> None:
        """Note rows that the session handed out; known ones stay as they are."""
        with self._transaction():
            self._connection.executemany(
                "INSERT OR IGNORE INTO rows VALUES (?, ?, ?, NULL)",
                [(row.ask, row.slot, row.row_id) for row in rows],
            )

    def handed(self, *, after: int) -> list[Handed]:
        """Return the rows of the asks above a number."""
        with self._lock:
            found = self._connection.execute(
                "SELECT ask, slot, row_id FROM rows WHERE ask > ? ORDER BY ask, slot", (after,)
            ).fetchall()
        return [Handed(*row) for row in found]

    def unsent(self) -> list[Handed]:
        """Return the rows without a task, in the order of the session."""
        with self._lock:
            found = self._connection.execute(
                "SELECT ask, slot, row_id FROM rows WHERE task IS NULL ORDER BY ask, slot"
            ).fetchall()
        return [Handed(*row) for row in found]

    def match(self, tasks: Iterable[tuple[int, str, int | None]]) -> None:
        """Note tasks of the server: number, row id, and the ask it was made for, if it says so."""
        with self._transaction():
            for task, row, ask in tasks:
                self._connection.execute("INSERT OR IGNORE INTO tasks VALUES (?, ?)", (task, row))
                self._connection.execute(
                    "UPDATE rows SET task = ? WHERE row_id = ? AND ask = ? AND task IS NULL",
                    (task, row, ask),
                )

    def tasks(self) -> dict[int, str]:
        """Return the row id of each known task."""
        with self._lock:
            return dict(self._connection.execute("SELECT task, row_id FROM tasks").fetchall())

    def waiting(self) -> dict[int, str]:
        """Return the row id of each task in which nobody said anything yet."""
        with self._lock:
            found = self._connection.execute(
                "SELECT task, row_id FROM tasks WHERE task NOT IN (SELECT task FROM said) "
                "ORDER BY task"
            ).fetchall()
        return dict(found)

    def said_of(self, rows: Iterable[str]) -> list[Said]:
        """Return what was said about rows when it was last read."""
        found: list[Said] = []
        with self._lock:
            for row in rows:
                found += [
                    Said(*values)
                    for values in self._connection.execute(
                        "SELECT task, annotator, row_id, label, seconds, moment, annotation "
                        "FROM said WHERE row_id = ?",
                        (row,),
                    )
                ]
        return found

    def replace(
        self, said: Mapping[int, Sequence[Said]], *, gone: Iterable[int] = (), cursor: str | None
    ) -> None:
        """Note all that was said in some tasks, which tasks are gone, and up to when it was read.

        What was said in a task that is gone stays.
        """
        with self._transaction():
            execute = self._connection.execute
            for task, several in said.items():
                execute("DELETE FROM said WHERE task = ?", (task,))
                self._connection.executemany(
                    "INSERT INTO said VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [astuple(one) for one in several],
                )
            for task in gone:
                execute("DELETE FROM tasks WHERE task = ?", (task,))
            if cursor is not None:
                execute("INSERT OR REPLACE INTO link VALUES ('cursor', ?)", (cursor,))
