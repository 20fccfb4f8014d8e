"""The work folder of a curation over shards, and who works in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import thresher
from thresher.core.errors import InputError
from thresher.core.executor import Executor, Task, get_executor
from thresher.core.fingerprint import fingerprint
from thresher.core.locking import alone_in

from . import columns
from .columns import Parts

ALONE: dict[str, Any] = {"all": None}


@dataclass(frozen=True)
class Work:
    """A work folder, who works in it, and how many blocks of rows a part has."""

    folder: Path
    executor: Executor
    part_blocks: int = field(default_factory=lambda: columns.PART_BLOCKS)

    def parts(self, rows: int) -> Parts:
        """Cut rows into parts."""
        return Parts.of_rows(rows, blocks=self.part_blocks)

    def task(self, name: str, function: Callable[[Any, Path], None], key: Any) -> Task:
        """Return a task of this folder; `key` is all that its outputs depend on."""
        return Task(name, function, self.folder, fingerprint([name, thresher.__version__, key]))

    def do(
        self,
        name: str,
        function: Callable[[Any, Path], None],
        *,
        key: Any,
        shards: Mapping[str, Any] = ALONE,
    ) -> tuple[Path, ...]:
        """Run a task and return its outputs."""
        return tuple(self.executor.map(self.task(name, function, key), shards))


@contextmanager
def open_work(
    folder: Path, *, executor: str | Executor = "serial", workers: int | None = None
) -> Iterator[Work]:
    """Open a work folder for this process alone; an executor made here is closed at the end.

    Raises
    ------
    InputError
        When another process works there, or the path is a file.
    """
    if folder.is_file():
        raise InputError(f"The work folder must be a folder; {folder} is a file.")
    with alone_in(folder, instead="another folder"):
        runner = get_executor(executor, workers=workers)
        try:
            yield Work(folder, runner)
        finally:
            if isinstance(executor, str):
                runner.close()
