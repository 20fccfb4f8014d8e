"""The session's file: settings, what was asked of whom and why, and the answers, append-only."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from thresher.core.errors import InputError
from thresher.core.labels import Answer, Labels

from .migration import migrate

SESSION_FORMAT = "3"
TABLES = (
    "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS asks (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " annotator TEXT NOT NULL, mode TEXT NOT NULL, n INTEGER NOT NULL, audit REAL NOT NULL,"
    " time REAL NOT NULL,"
    " expires REAL NOT NULL, answers_seen INTEGER NOT NULL, model_answers INTEGER NOT NULL,"
    " model_asks INTEGER NOT NULL, answers_at INTEGER NOT NULL,"
    " uncertainty INTEGER NOT NULL DEFAULT 0, changes_seen INTEGER NOT NULL DEFAULT 0,"
    " desk INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE IF NOT EXISTS asked (ask INTEGER NOT NULL REFERENCES asks (id),"
    " slot INTEGER NOT NULL, position INTEGER NOT NULL, arm TEXT NOT NULL, score REAL,"
    " propensity REAL, available INTEGER NOT NULL, suggestion TEXT, confidence REAL,"
    " reason TEXT NOT NULL, PRIMARY KEY (ask, slot)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS uncertainties (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " time REAL NOT NULL, zipped BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS lease_changes (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " ask INTEGER NOT NULL, position INTEGER, annotator TEXT NOT NULL, expires REAL NOT NULL,"
    " answers_at INTEGER NOT NULL, time REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS desk_answers (annotator TEXT NOT NULL, key TEXT NOT NULL,"
    " answer INTEGER NOT NULL, late INTEGER NOT NULL, blind INTEGER NOT NULL,"
    " PRIMARY KEY (annotator, key)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS desk_answers_by_answer ON desk_answers (answer)",
)
PROTECTED = ("settings", "asks", "asked", "uncertainties", "lease_changes", "desk_answers")
ASK_COLUMNS = (
    "id, annotator, mode, n, audit, time, expires, answers_seen, model_answers, model_asks,"
    " answers_at, uncertainty, changes_seen, desk"
)


@dataclass(frozen=True)
class AskedRow:
    """One row of a batch.

    Attributes
    ----------
    position : int
        In the pool.
    arm : {"strategy", "audit", "relabel", "claimed"}
        Where it came from. A claimed row was chosen by the strategy too after the audit arm had
        served it: it is not served again.
    score, propensity : float
        See `Picks`; the propensity is that within the arm.
    available : int
        Rows the arm could draw from.
    suggestion : str or None
        The model's class.
    confidence : float or None
        Its probability.
    reason : str
    """

    position: int
    arm: str
    score: float
    propensity: float
    available: int
    suggestion: str | None
    confidence: float | None
    reason: str


@dataclass(frozen=True)
class Ask:
    """One request for rows, with all that its choice depended on.

    ``answers_seen`` answers and all earlier asks were known to the choice; the model was fitted on
    ``model_answers`` answers and ``model_asks`` asks (0 and 0 without a model); ``answers_at``
    answers were there when the rows were leased; ``uncertainty`` is the number of the caller's own
    uncertainties, 0 for none; ``changes_seen`` lease changes were known to the choice; ``desk``
    says that a `Desk` asked. Times in seconds since 1970.
    """

    id: int
    annotator: str
    mode: str
    n: int
    audit: float
    time: float
    expires: float
    answers_seen: int
    model_answers: int
    model_asks: int
    answers_at: int
    uncertainty: int = 0
    changes_seen: int = 0
    desk: int = 0
    rows: tuple[AskedRow, ...] = ()


@dataclass(frozen=True)
class LeaseChange:
    """Leases renewed, given back or given again.

    Attributes
    ----------
    ask : int
        The ask that leased the rows; 0 for a row that nobody asked for.
    position : int or None
        The row in the pool; None for all rows of the ask that are leased still.
    annotator : str
    expires : float
        New end of the lease; 0 for rows that are given back.
    answers_at : int
        Answers in the file then, filled in when it is recorded.
    time : float
    id : int
        Place among the changes from 1, given when it is recorded.
    """

    ask: int
    position: int | None
    annotator: str
    expires: float
    time: float
    answers_at: int = 0
    id: int = 0


class Store:
    """Reads and appends the events of one session file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.labels = Labels(path)
        try:
            with self.labels.transaction():
                migrate(self.labels, to=SESSION_FORMAT)
                for statement in TABLES:
                    self.labels.connection.execute(statement)
                for table in PROTECTED:
                    self.labels.protect(table)
        except InputError:
            self.labels.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.labels.close()

    def settings(self) -> dict[str, str]:
        """Return the settings the session was started with; empty for a new file."""
        with self.labels.lock:
            rows = self.labels.connection.execute("SELECT name, value FROM settings").fetchall()
        return dict(rows)

    def settle(self, wanted: dict[str, object]) -> dict[str, str]:
        """Write the settings of a new session, or check them against those in the file.

        A value of None means "as in the file". Values are compared as JSON.

        Raises
        ------
        InputError
            When a setting differs from the file's.
        """
        with self.labels.transaction():
            there = self.settings()
            if not there:
                given = {name: json.dumps(value) for name, value in wanted.items()}
                given["session_format"] = json.dumps(SESSION_FORMAT)
                self.labels.connection.executemany(
                    "INSERT INTO settings VALUES (?, ?)", given.items()
                )
                return given
        self._check_settings(there, wanted)
        return there

    def _check_settings(self, there: dict[str, str], wanted: dict[str, object]) -> None:
        path = self.labels.path
        for name, value in wanted.items():
            if value is not None and there.get(name) != json.dumps(value):
                raise InputError(
                    f"{path} was started with another `{name}`: {_short(there.get(name))} there, "
                    f"{_short(json.dumps(value))} now. Open it with the same one, or start a new "
                    "file."
                )

    def counts(self) -> tuple[int, int]:
        """Return the ids of the last answer and the last ask."""
        with self.labels.lock:
            execute = self.labels.connection.execute
            answers = execute("SELECT coalesce(max(id), 0) FROM answers").fetchone()[0]
            asks = execute("SELECT coalesce(max(id), 0) FROM asks").fetchone()[0]
        return int(answers), int(asks)

    def events_since(
        self, answers: int, asks: int, changes: int
    ) -> tuple[list[Answer], list[Ask], list[LeaseChange]]:
        """Return all answers, asks and lease changes after those, as of one moment."""
        with self.labels.snapshot():
            return self.answers_since(answers), self.asks_since(asks), self.changes_since(changes)

    def answers_since(self, seen: int, *, until: int | None = None) -> list[Answer]:
        """Return the answers after `seen`, in order."""
        return self.labels.since(seen, until=until)

    def asks_since(self, seen: int, *, until: int = 2**62) -> list[Ask]:
        """Return the asks after `seen`, up to `until`, in order, with their rows."""
        with self.labels.lock:
            execute = self.labels.connection.execute
            asks = execute(
                f"SELECT {ASK_COLUMNS} FROM asks WHERE id > ? AND id <= ? ORDER BY id",
                (seen, until),
            ).fetchall()
            rows: dict[int, list[AskedRow]] = {ask[0]: [] for ask in asks}
            for row in execute(
                "SELECT ask, position, arm, score, propensity, available, suggestion, confidence,"
                " reason FROM asked WHERE ask > ? AND ask <= ? ORDER BY ask, slot",
                (seen, asks[-1][0] if asks else seen),
            ):
                rows[row[0]].append(AskedRow(*row[1:]))
        return [replace(Ask(*ask), rows=tuple(rows[ask[0]])) for ask in asks]

    def changes_since(self, seen: int, *, until: int = 2**62) -> list[LeaseChange]:
        """Return the lease changes after `seen`, up to `until`, in order."""
        with self.labels.lock:
            found = self.labels.connection.execute(
                "SELECT ask, position, annotator, expires, time, answers_at, id FROM lease_changes"
                " WHERE id > ? AND id <= ? ORDER BY id",
                (seen, until),
            ).fetchall()
        return [LeaseChange(*change) for change in found]

    def insert_changes(self, changes: Sequence[LeaseChange]) -> None:
        """Append lease changes; the caller holds the transaction."""
        answers, _ = self.counts()
        self.labels.connection.executemany(
            "INSERT INTO lease_changes (ask, position, annotator, expires, time, answers_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [
                (one.ask, one.position, one.annotator, one.expires, one.time, answers)
                for one in changes
            ],
        )

    def record_ask(self, ask: Ask, *, still_valid: Callable[[], bool]) -> bool:
        """Append an ask in one transaction; return whether it was still up to date.

        Nothing is written when another ask was recorded since, or when `still_valid`, called
        inside the transaction, says that the rows went meanwhile.
        """
        with self.labels.transaction():
            answers, asks = self.counts()
            if asks != ask.id - 1 or not still_valid():
                return False
            self.insert_ask(replace(ask, answers_at=answers))
        return True

    def insert_ask(self, ask: Ask) -> None:
        """Append an ask; the caller holds the transaction."""
        self.labels.connection.execute(
            f"INSERT INTO asks ({ASK_COLUMNS}) VALUES ({', '.join('?' * 14)})",
            astuple(replace(ask, rows=()))[:-1],
        )
        self.labels.connection.executemany(
            "INSERT INTO asked VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(ask.id, slot, *astuple(row)) for slot, row in enumerate(ask.rows)],
        )

    def record_uncertainty(self, values: np.ndarray, *, time: float) -> int:
        """Append uncertainties of the whole pool, shape (n,), as float32; return their number."""
        zipped = zlib.compress(values.astype("<f4").tobytes(), 1)
        with self.labels.transaction():
            cursor = self.labels.connection.execute(
                "INSERT INTO uncertainties (time, zipped) VALUES (?, ?)", (time, zipped)
            )
        return int(cursor.lastrowid or 0)

    def last_uncertainty(self) -> int:
        """Return the number of the newest uncertainties, 0 for none."""
        with self.labels.lock:
            found = self.labels.connection.execute("SELECT coalesce(max(id), 0) FROM uncertainties")
            return int(found.fetchone()[0])

    def uncertainty(self, number: int) -> np.ndarray:
        """Return the uncertainties of that number, float32, shape (n,)."""
        with self.labels.lock:
            (zipped,) = self.labels.connection.execute(
                "SELECT zipped FROM uncertainties WHERE id = ?", (number,)
            ).fetchone()
        return np.frombuffer(zlib.decompress(zipped), dtype="<f4")


def _short(text: str | None) -> str:
    text = str(text)
    return text if len(text) <= 60 else f"{text[:57]}..."
