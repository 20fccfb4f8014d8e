"""What desks read and append beside answers and asks: keys of answers, rows of earlier desks."""

from __future__ import annotations

from collections.abc import Iterable

from .store import AskedRow, Store

ASKED = "position, arm, score, propensity, available, suggestion, confidence, reason"


class DeskLog:
    """The part of a session's file that only desks need."""

    def __init__(self, store: Store) -> None:
        self._labels = store.labels

    def answer_of_key(self, annotator: str, key: str) -> tuple[int, bool] | None:
        """Return the place in the log of the answer with that key, and whether it was late."""
        with self._labels.lock:
            found = self._labels.connection.execute(
                "SELECT answer, late FROM desk_answers WHERE annotator = ? AND key = ?",
                (annotator, key),
            ).fetchone()
        return None if found is None else (found[0], bool(found[1]))

    def insert(self, annotator: str, key: str, *, answer: int, late: bool, blind: bool) -> None:
        """Append the key of an answer; the caller holds the transaction."""
        self._labels.connection.execute(
            "INSERT INTO desk_answers VALUES (?, ?, ?, ?, ?)", (annotator, key, answer, late, blind)
        )

    def row_of(self, answer: int) -> tuple[str, int]:
        """Return row id and round of an answer."""
        with self._labels.lock:
            found = self._labels.connection.execute(
                "SELECT row_id, round FROM answers WHERE id = ?", (answer,)
            ).fetchone()
        return found[0], found[1]

    def last_counting(self, annotator: str, *, row_id: str | None = None) -> tuple[str, int] | None:
        """Return row id and round of the last answer given at a desk that counts still.

        Of all rows, or of one.
        """
        of_row = "" if row_id is None else " AND row_id = ?"
        with self._labels.lock:
            execute = self._labels.connection.execute
            # The index of annotators is asked first: without a find the log is read to its start.
            if not execute(
                "SELECT 1 FROM desk_answers WHERE annotator = ?", (annotator,)
            ).fetchone():
                return None
            found = execute(
                "SELECT row_id, round FROM answers AS said WHERE annotator = ? AND kind <> 'undo'"
                f"{of_row}"
                " AND id = (SELECT max(id) FROM answers WHERE row_id = said.row_id"
                " AND annotator = said.annotator)"
                " AND EXISTS (SELECT 1 FROM desk_answers WHERE answer = said.id)"
                " ORDER BY id DESC LIMIT 1",
                (annotator,) if row_id is None else (annotator, row_id),
            ).fetchone()
        return None if found is None else (found[0], found[1])

    def asked(self, ask: int, position: int) -> AskedRow | None:
        """Return a row of an ask."""
        with self._labels.lock:
            found = self._labels.connection.execute(
                f"SELECT {ASKED} FROM asked WHERE ask = ? AND position = ? AND arm <> 'claimed'",
                (ask, position),
            ).fetchone()
        return None if found is None else AskedRow(*found)

    def last_asks(self, annotator: str, positions: Iterable[int]) -> dict[int, int]:
        """Return the last ask by which an annotator was given each of some rows, if any.

        Reads all that was ever asked.
        """
        wanted = list(positions)
        marks = ", ".join("?" * len(wanted))
        with self._labels.lock:
            found = self._labels.connection.execute(
                f"SELECT position, max(ask) FROM asked JOIN asks ON asks.id = asked.ask WHERE"
                f" annotator = ? AND arm <> 'claimed' AND position IN ({marks}) GROUP BY position",
                (annotator, *wanted),
            ).fetchall()
        return dict(found)

    def rows_asked(self, ask: int) -> list[AskedRow]:
        """Return the rows of an ask that were served, in order."""
        with self._labels.lock:
            found = self._labels.connection.execute(
                f"SELECT {ASKED} FROM asked WHERE ask = ? AND arm <> 'claimed' ORDER BY slot",
                (ask,),
            ).fetchall()
        return [AskedRow(*row) for row in found]

    def of_desks(self, asks: Iterable[int]) -> list[int]:
        """Return the asks of a desk among those numbers, ascending."""
        with self._labels.lock:
            execute = self._labels.connection.execute
            return [
                ask
                for ask in sorted(asks)
                if execute("SELECT 1 FROM asks WHERE id = ? AND desk = 1", (ask,)).fetchone()
            ]
