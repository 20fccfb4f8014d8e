"""The executor that needs nothing: one shard after the other, in this process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from ..progress import track
from .task import Task, run_shard


class SerialExecutor:
    """Runs shards one after the other in this process."""

    name = "serial"
    workers = 1

    def map(self, task: Task, shards: Mapping[str, Any]) -> list[Path]:
        """Run a task over shards; see `Executor.map`."""
        task.clean()
        for name, shard in track(task.missing(shards).items(), description=task.name):
            run_shard(task, name, shard)
        return task.outputs(shards)

    def close(self) -> None:
        """Do nothing: there are no workers."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
