"""One thread that writes for all: what comes within a few milliseconds goes to disk together.

A flush of the disk costs the same for one answer and for ten. Whoever submits waits until the
group is on disk. An entry that cannot be written fails alone; a disk that is full or a file that is
locked fails the whole group, of which nothing is recorded then.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from thresher.core.errors import InputError
from thresher.core.labels import Labels

COLLECT = 0.005

R = TypeVar("R")


class DeskClosedError(InputError):
    """Nothing was recorded, since the desk was closed before."""

    def __init__(self) -> None:
        super().__init__("The desk is closed. Open a new one and send this again.")


@dataclass
class Entry(Generic[R]):
    """Something to be written, called inside the transaction, and what came of it."""

    write: Callable[[], R]
    written: threading.Event = field(default_factory=threading.Event)
    result: R | None = None
    error: Exception | None = None


class Writer(Generic[R]):
    """Writes entries in groups, in the order in which they were submitted.

    Parameters
    ----------
    labels : Labels
    lock : context manager
        Held during a transaction, taken before it.
    prepare : callable
        Called at the start of each transaction.
    finish : callable
        Called with the results of a group once it is on disk, before anybody is answered.
    """

    def __init__(
        self,
        labels: Labels,
        *,
        lock: AbstractContextManager[Any],
        prepare: Callable[[], object],
        finish: Callable[[list[R]], object],
    ) -> None:
        self._labels, self._lock = labels, lock
        self._prepare, self._finish = prepare, finish
        self._entries: list[Entry[R]] = []
        self._some = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, daemon=True, name="desk writer")
        self._thread.start()

    def submit(self, write: Callable[[], R]) -> R:
        """Return what `write` returned once it is on disk; raise what stood in the way."""
        entry = Entry(write)
        with self._some:
            if self._closed:
                raise DeskClosedError
            self._entries.append(entry)
            self._some.notify()
        entry.written.wait()
        if entry.error is not None:
            raise entry.error
        return entry.result  # type: ignore[return-value]

    def close(self) -> None:
        """Write what was submitted and stop."""
        with self._some:
            self._closed = True
            self._some.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._some:
                while not self._entries and not self._closed:
                    self._some.wait()
                if not self._entries:
                    return
            time.sleep(COLLECT)
            with self._some:
                group, self._entries = self._entries, []
            try:
                self._write(group)
            finally:
                for entry in group:
                    entry.written.set()

    def _write(self, group: list[Entry[R]]) -> None:
        try:
            with self._lock, self._labels.transaction():
                self._prepare()
                for entry in group:
                    self._write_one(entry)
            self._finish([entry.result for entry in group if entry.error is None])  # type: ignore[misc]
        except Exception as error:
            for entry in group:
                entry.result, entry.error = None, entry.error or error

    def _write_one(self, entry: Entry[R]) -> None:
        execute = self._labels.connection.execute
        execute("SAVEPOINT entry")
        try:
            entry.result = entry.write()
        except sqlite3.OperationalError:  # a full disk: of the whole group
            raise
        except Exception as error:
            execute("ROLLBACK TO entry")
            entry.error = error
        execute("RELEASE entry")
