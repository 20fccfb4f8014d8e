"""A task over shards, how one shard of it is run, and what every executor offers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from ..files import atomic_path
from ..leftovers import sweep_below


@dataclass(frozen=True)
class Task:
    """One step of a larger job, to be done for many shards.

    Attributes
    ----------
    name : str
        Names the folder of its outputs.
    function : callable
        Called with a shard and the empty folder to fill. It must pickle by reference (a function of
        a module, or an instance of a class of one), read nothing but its attributes, the shard and
        files, and give the same bytes each time.
    folder : Path
        The work folder; where processes run on several machines, all must see it at this path.
    key : str
        Fingerprint of everything that the outputs depend on: content, settings, version.
    """

    name: str
    function: Callable[[Any, Path], None]
    folder: Path
    key: str

    @property
    def home(self) -> Path:
        """Folder that holds the output of each shard."""
        return self.folder / f"{self.name}-{self.key}"

    def output(self, shard: str) -> Path:
        """Return where the output of one shard lies, or will lie."""
        return self.home / shard

    def outputs(self, shards: Mapping[str, Any]) -> list[Path]:
        """Return the outputs of all shards, in their order."""
        return [self.output(name) for name in shards]

    def missing(self, shards: Mapping[str, Any]) -> dict[str, Any]:
        """Return the shards that are not done yet."""
        return {name: shard for name, shard in shards.items() if not self.output(name).exists()}

    def clean(self) -> None:
        """Remove what killed runs left half done."""
        sweep_below(self.home)

    def discard(self) -> None:
        """Remove all outputs."""
        shutil.rmtree(self.home, ignore_errors=True)


def run_shard(task: Task, name: str, shard: Any) -> None:
    """Make the output of one shard, unless it is there.

    Matrix products run on one thread, because their last bits depend on the number of threads.
    """
    from threadpoolctl import threadpool_limits

    target = task.output(name)
    if target.exists():
        return
    with threadpool_limits(limits=1), atomic_path(target) as temporary:
        temporary.mkdir()
        task.function(shard, temporary)


class Executor(Protocol):
    """Runs tasks over shards; a context manager that gives back what it holds."""

    name: str
    workers: int

    def map(self, task: Task, shards: Mapping[str, Any]) -> list[Path]:
        """Run a task over named shards, those that are done already left out.

        Returns
        -------
        list of Path
            The output folder of each shard, in the order of `shards`.

        Raises
        ------
        ThresherError
            What the task raised, as it is; or that workers died again and again.
        """

    def close(self) -> None:
        """Stop the workers."""

    def __enter__(self) -> Self:
        """Return the executor."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the executor."""
