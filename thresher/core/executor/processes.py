"""A pool of processes on this machine.

Processes are spawned, never forked: a fork after threads have started (BLAS, Arrow, PyTorch) may
hang. Each computes on one thread.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Self

from ..choice import available_cpus
from ..counted import counted
from ..errors import ThresherError
from ..progress import message, track
from .task import Task, run_shard

# A pool that breaks this often without finishing one more shard will not finish it at all.
MOST_BREAKS = 3


class ProcessExecutor:
    """Runs shards in a pool of processes.

    A worker that dies (killed, out of memory) takes the pool with it; a new pool then does what is
    left, at most `MOST_BREAKS` times without progress. When the main process dies, so do workers.

    Parameters
    ----------
    workers : int, optional
        Default: one for each processor that this process may use.
    """

    name = "processes"

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or available_cpus()
        self._pool: ProcessPoolExecutor | None = None

    def map(self, task: Task, shards: Mapping[str, Any]) -> list[Path]:
        """Run a task over shards; see `Executor.map`."""
        task.clean()
        left = task.missing(shards)
        for _ in track(self._finish(task, left), description=task.name, total=len(left)):
            pass
        return task.outputs(shards)

    def _finish(self, task: Task, left: dict[str, Any]) -> Iterator[str]:
        breaks = 0
        while left:
            before = len(left)
            try:
                for name in self._attempt(task, left):
                    del left[name]
                    yield name
            except BrokenProcessPool:
                self.close()
                breaks = 1 if len(left) < before else breaks + 1
                if breaks == MOST_BREAKS:
                    raise ThresherError(_died(task, left)) from None
                message(
                    f"{task.name}: a worker died; starting anew with "
                    f"{counted(len(left), 'shard')} left"
                )

    def _attempt(self, task: Task, left: dict[str, Any]) -> Iterator[str]:
        pool = self._open()
        futures = {pool.submit(run_shard, task, name, shard): name for name, shard in left.items()}
        try:
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        finally:
            for future in futures:
                future.cancel()

    def _open(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self.workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_die_with_parent,
            )
        return self._pool

    def close(self) -> None:
        """Stop the workers."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _die_with_parent() -> None:
    """Leave when the main process is gone; a worker would wait for its next shard for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _died(task: Task, left: dict[str, Any]) -> str:
    named = ", ".join(list(left)[:5])
    return (
        f"Workers died {MOST_BREAKS} times in a row in the step '{task.name}'; not done: "
        f"{len(left)} shard(s), such as {named}. They may lack memory: take fewer workers. "
        'A script that starts workers needs `if __name__ == "__main__":` around its '
        "calls. What is done stays done: run again to go on."
    )
