"""Labels: every answer of every annotator, append-only, in one SQLite file.

Nothing is ever changed or deleted: a correction, a skip and an undo are answers too, and the last
answer of an annotator for a row is the one that counts. An answer that was accepted is on disk
(write-ahead log, flushed at every commit), so that killing the process loses none.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from .errors import InputError, StorageError, check_choice

# "THRL" in the header of the file tells it from other SQLite files.
APPLICATION = 0x5448524C
FORMAT = 1
KINDS = ("label", "skip", "undo")
_RETRY_S = 0.01
TABLE = """
CREATE TABLE IF NOT EXISTS answers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  row_id TEXT NOT NULL,
  annotator TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('label', 'skip', 'undo')),
  label TEXT CHECK ((kind = 'label') = (label IS NOT NULL)),
  round INTEGER NOT NULL,
  seconds REAL,
  time REAL NOT NULL
)"""
INDEX = "CREATE INDEX IF NOT EXISTS answers_of_row ON answers (row_id, annotator, id)"
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("row_id", pa.string()),
        ("annotator", pa.string()),
        ("kind", pa.string()),
        ("label", pa.string()),
        ("round", pa.int64()),
        ("seconds", pa.float64()),
        ("time", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one annotator said about one row.

    Attributes
    ----------
    row_id : str
    label : str or None
        None for a skip or an undo.
    annotator : str
        Empty for an unnamed one; all unnamed ones count as one person.
    kind : {"label", "skip", "undo"}
        An undo takes the annotator's last answer for the row back.
    round : int
        Which query the row came from; 0 where there was none.
    seconds : float or None
        Time the annotator took.
    time : float or None
        Seconds since 1970; None for now.
    id : int
        Place in the log from 1, given when it is recorded.
    """

    row_id: str
    label: str | None = None
    annotator: str = ""
    kind: str = "label"
    round: int = 0
    seconds: float | None = None
    time: float | None = None
    id: int = 0

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, KINDS)
        if (self.kind == "label") != (self.label is not None):
            raise InputError(
                f"An answer of kind '{self.kind}' for row {self.row_id!r} has the label "
                f"{self.label!r}: exactly the answers of kind 'label' have one."
            )


class Labels:
    """The answers in one SQLite file, which is made when it is not there.

    Several processes and threads may use one file at a time.

    Parameters
    ----------
    path : path-like
    timeout : float
        Seconds to wait while another process writes.

    Raises
    ------
    InputError
        When the file is not one of ours, is damaged, or has another format.

    Examples
    --------
    >>> from thresher.core import Labels
    >>> from thresher.core.labels import Answer
    >>> answers = [Answer("r1", "good", annotator="ann"), Answer("r2", "bad", annotator="ann")]
    >>> with Labels("labels.db") as labels:
    ...     labels.record(answers)
    2
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 60.0) -> None:
        self.path, self.timeout = Path(path), timeout
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self.connection = sqlite3.connect(
            self.path, timeout=timeout, isolation_level=None, check_same_thread=False
        )
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            self.connection.close()
            raise InputError(f"{path} cannot be opened as a label file ({error}).") from error
        except InputError:
            self.connection.close()
            raise

    def _open(self) -> None:
        # Reading the header first leaves a foreign file as it is.
        self._check_header()
        self._use_write_ahead_log()
        self.connection.execute("PRAGMA synchronous = FULL")
        with self.transaction():
            self.connection.execute(f"PRAGMA application_id = {APPLICATION}")
            self.connection.execute(f"PRAGMA user_version = {FORMAT}")
            self.connection.execute(TABLE)
            self.connection.execute(INDEX)
            self.protect("answers")

    def _check_header(self) -> None:
        # One snapshot: another process may be making the file between two statements.
        self.connection.execute("BEGIN")
        try:
            application = self.connection.execute("PRAGMA application_id").fetchone()[0]
            version = self.connection.execute("PRAGMA user_version").fetchone()[0]
            tables = self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        finally:
            self._rollback()
        if tables and application != APPLICATION:
            raise InputError(
                f"{self.path} is an SQLite file of another program. Choose a new path."
            )
        if tables and version != FORMAT:
            raise InputError(
                f"{self.path} has format {version}, this version reads {FORMAT}. Export its "
                "answers with the version that wrote it and import them into a new file."
            )

    def _use_write_ahead_log(self) -> None:
        # SQLite does not wait by itself here: the switch fails at once while another process
        # that opens the same new file holds it.
        give_up = time.monotonic() + self.timeout
        while True:
            try:
                self.connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() > give_up:
                    raise
                time.sleep(_RETRY_S)

    def __enter__(self) -> Labels:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Return the number of answers, corrections and undone ones included."""
        with self.lock:
            return int(self.connection.execute("SELECT count(*) FROM answers").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the only write access during the block; an error takes everything back.

        Raises
        ------
        StorageError
            When the disk is full, or another process kept writing for the whole timeout.
        """
        with self.lock:
            try:
                # The timeout may have been changed since the file was opened.
                self.connection.execute(f"PRAGMA busy_timeout = {round(1000 * self.timeout)}")
                self.connection.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    self._rollback()
                    raise
                self.connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                self._rollback()
                raise StorageError(
                    f"Nothing was written to {self.path} ({error}). Answers recorded before are "
                    "safe; free the disk or the lock and send these again.",
                    full=error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL,
                ) from error

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all reads of the block see the file as of one moment."""
        with self.lock:
            if self.connection.in_transaction:
                yield
                return
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                self._rollback()

    def _rollback(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def protect(self, table: str) -> None:
        """Make a table of this file append-only."""
        for action in ("UPDATE", "DELETE"):
            self.connection.execute(
                f"CREATE TRIGGER IF NOT EXISTS {table}_no_{action.lower()} BEFORE {action} "
                f"ON {table} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )

    def record(self, answers: Sequence[Answer]) -> int:
        """Append answers, all or none; return how many were new.

        An answer that repeats what the annotator's last one for the row says is not written again,
        so that sending twice is harmless. The same holds for an undo with nothing to undo.
        """
        with self.transaction():
            return sum(self.append(answer)[1] for answer in answers)

    def append(self, answer: Answer) -> tuple[int, bool]:
        """Append one answer unless it says nothing new; the caller holds the transaction.

        Returns the id of the answer that says so, 0 for an undo with nothing to undo, and whether
        it is new.
        """
        said, last = self._last(answer.row_id, answer.annotator)
        nothing_to_undo = answer.kind == "undo" and said in (None, ("undo", None))
        if nothing_to_undo or said == (answer.kind, answer.label):
            return last, False
        cursor = self.connection.execute(
            "INSERT INTO answers (row_id, annotator, kind, label, round, seconds, time) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                answer.row_id,
                answer.annotator,
                answer.kind,
                answer.label,
                answer.round,
                answer.seconds,
                time.time() if answer.time is None else answer.time,
            ),
        )
        return int(cursor.lastrowid or 0), True

    def _last(self, row_id: str, annotator: str) -> tuple[tuple[str, str | None] | None, int]:
        """Return what the annotator's last answer for a row says, and its id."""
        found = self.connection.execute(
            "SELECT kind, label, id FROM answers WHERE row_id = ? AND annotator = ? "
            "ORDER BY id DESC LIMIT 1",
            (row_id, annotator),
        ).fetchone()
        return (None, 0) if found is None else (tuple(found[:2]), found[2])

    def since(self, seen: int = 0, *, until: int | None = None) -> list[Answer]:
        """Return the answers with an id above `seen`, up to `until`, in the order recorded."""
        with self.lock:
            rows = self.connection.execute(
                "SELECT id, row_id, annotator, kind, label, round, seconds, time FROM answers "
                "WHERE id > ? AND id <= ? ORDER BY id",
                (seen, 2**62 if until is None else until),
            ).fetchall()
        # Millions of answers say few different things: each text is kept once.
        texts: dict[str | None, str | None] = {}
        return [
            Answer(
                row_id=row[1],
                label=texts.setdefault(row[4], row[4]),
                annotator=str(texts.setdefault(row[2], row[2])),
                kind=str(texts.setdefault(row[3], row[3])),
                round=row[5],
                seconds=row[6],
                time=row[7],
                id=row[0],
            )
            for row in rows
        ]

    def history(self) -> pa.Table:
        """Return all answers ever given, oldest first, with the columns of `SCHEMA`."""
        return _table(self.since())

    def current(self) -> pa.Table:
        """Return the label of each row and annotator that counts now, in the order recorded."""
        return _table(answer for answer in latest(self.since()) if answer.kind == "label")


def latest(answers: Iterable[Answer]) -> list[Answer]:
    """Keep the last answer of each row and annotator, in the order recorded; undone ones go."""
    last: dict[tuple[str, str], Answer] = {}
    for answer in answers:
        last.pop((answer.row_id, answer.annotator), None)
        last[answer.row_id, answer.annotator] = answer
    return [answer for answer in last.values() if answer.kind != "undo"]


def _table(answers: Iterable[Answer]) -> pa.Table:
    listed = list(answers)
    columns = [[getattr(answer, name) for answer in listed] for name in SCHEMA.names]
    return pa.table(columns, schema=SCHEMA)
