"""State that survives a killed process: a snapshot, and a line for each thing that happened since.

A line is written in one piece before it counts; one that a dying process left torn is cut off when
the folder is opened, for nothing was promised about it. A snapshot replaces the lines before it: it
names the file of lines that follows it, so that no line counts twice, wherever the process dies.
"""

from __future__ import annotations

import errno
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from thresher.core.errors import InputError, StorageError
from thresher.core.files import read_json, write_json
from thresher.core.locking import alone_in

from .sequence_state import field

_LINES = 1000  # between snapshots


class Journal:
    """Snapshot and lines of a folder, which no other process may open meanwhile.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    state : dict or None
        The snapshot; None in a new folder.
    lines : list of dict
        What happened after it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "state.json"
        self._closing = ExitStack()
        self._closing.enter_context(alone_in(folder, instead="another folder"))
        try:
            self.state: dict[str, Any] | None = None
            self._number = 0
            if self.path.exists():
                stored = read_json(self.path)
                self.state = field(stored, "state", dict, where=str(self.path))
                self._number = field(stored, "number", int, where=str(self.path))
            self.lines = self._read()
            self._descriptor = self._opened()
        except BaseException:
            self._closing.close()
            raise
        self._since = len(self.lines)

    @property
    def _file(self) -> Path:
        return self.folder / f"since-{self._number}.jsonl"

    def _opened(self) -> int:
        for old in self.folder.glob("since-*.jsonl"):
            if old != self._file:
                old.unlink()
        return os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def _read(self) -> list[dict[str, Any]]:
        if not self._file.exists():
            return []
        whole, end, torn = self._file.read_bytes().rpartition(b"\n")
        if torn:
            os.truncate(self._file, len(whole) + len(end))
        lines = []
        for number, line in enumerate(whole.split(b"\n") if whole else [], 1):
            try:
                lines.append(dict(json.loads(line)))
            except (ValueError, TypeError) as error:
                raise InputError(
                    f"{self._file}, line {number}, is damaged: {line[:60]!r}. Restore the file, or "
                    "delete the folder and start again."
                ) from error
        return lines

    def append(self, line: Mapping[str, Any]) -> bool:
        """Write a line; tell whether a snapshot is due."""
        data = json.dumps(line, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        before = os.fstat(self._descriptor).st_size
        try:
            written = os.write(self._descriptor, data)
        except OSError as error:
            raise self._storage_error(error) from error
        if written < len(data):
            os.ftruncate(self._descriptor, before)
            raise self._storage_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        self._since += 1
        return self._since >= _LINES

    def keep(self, state: Mapping[str, Any]) -> None:
        """Write a snapshot, and begin a new file of lines."""
        try:
            write_json(self.path, {"number": self._number + 1, "state": state})
        except OSError as error:
            raise self._storage_error(error) from error
        os.close(self._descriptor)
        self._number += 1
        self._descriptor = self._opened()
        self._since = 0

    def _storage_error(self, error: OSError) -> StorageError:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return StorageError(
            f"{self.folder} cannot be written ({error.strerror}). What was stored before is whole; "
            "free some space or give another folder, and do the last step again.",
            full=full,
        )

    def close(self) -> None:
        """Let other processes have the folder."""
        os.close(self._descriptor)
        self._closing.close()


class Journaled(ABC):
    """Something whose every change is a line, and that can be kept in a folder."""

    _journal: Journal | None = None

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Return what it was made with, as JSON."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return options and state; numbers keep all their bits in JSON."""

    @abstractmethod
    def _restore(self, state: Mapping[str, Any], where: str) -> None:
        """Take over a state."""

    @abstractmethod
    def _apply(self, line: Mapping[str, Any]) -> None:
        """Let a line count."""

    def kept_in(self, folder: str | os.PathLike[str]) -> Self:
        """Keep the state in a folder from now on, and go on from the state that is there.

        Parameters
        ----------
        folder : path-like
            Holds ``state.json`` and a file of lines.

        Raises
        ------
        InputError
            When another process works there, it was begun with other options, or its files are
            damaged.
        StorageError
            When it cannot be written.
        """
        journal = Journal(Path(folder))
        try:
            self._take_over(journal)
        except BaseException:
            journal.close()
            raise
        self._journal = journal
        return self

    def _take_over(self, journal: Journal) -> None:
        where = str(journal.path)
        if journal.state is None:
            journal.keep(self.to_json())
            return
        asked = json.loads(json.dumps(self.options()))
        begun = field(journal.state, "options", dict, where=where)
        for name in sorted(asked.keys() | begun.keys()):
            if asked.get(name) != begun.get(name):
                raise InputError(
                    f"{where} was begun with {name} = {begun.get(name)!r}, now it is "
                    f"{asked.get(name)!r}. What was seen under other rules proves nothing under "
                    "these: use the old value, or start in another folder."
                )
        self._restore(journal.state, where)
        for number, line in enumerate(journal.lines, 1):
            try:
                self._apply(line)
            except (KeyError, TypeError, ValueError) as error:
                raise InputError(
                    f"Line {number} since the last snapshot in {journal.folder} makes no sense "
                    f"({error}). Restore the file, or start in another folder."
                ) from error

    def _record(self, line: Mapping[str, Any]) -> None:
        """Store a line, then let it count."""
        due = self._journal is not None and self._journal.append(line)
        self._apply(line)
        if due and self._journal is not None:
            self._journal.keep(self.to_json())

    def close(self) -> None:
        """Let go of the folder, if it is kept in one."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None
