"""Shards as Ray tasks, on this machine or on the cluster that Ray is connected to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from ..choice import available_cpus
from ..errors import ThresherError, require
from ..progress import track
from .task import Task, run_shard

RETRIES = 2


class RayExecutor:
    """Runs shards as Ray tasks of one processor each.

    It joins the Ray session of this process, else the cluster in ``RAY_ADDRESS``, else it starts
    one on this machine and stops it in `close`. On a cluster the work folder and the sources must
    be on storage that all machines see at the same path.

    Parameters
    ----------
    workers : int, optional
        Processors of a session started here; default: all that this process may use.

    Raises
    ------
    MissingExtraError
        When Ray is not installed.
    """

    name = "ray"

    def __init__(self, workers: int | None = None) -> None:
        self._ray: Any = require("ray", extra="ray")
        self.workers = workers or available_cpus()
        self._started = False

    def map(self, task: Task, shards: Mapping[str, Any]) -> list[Path]:
        """Run a task over shards; see `Executor.map`."""
        task.clean()
        left = task.missing(shards)
        if left:
            self._open()
            for _ in track(self._finish(task, left), description=task.name, total=len(left)):
                pass
        return task.outputs(shards)

    def _finish(self, task: Task, left: dict[str, Any]) -> Iterator[None]:
        run = self._ray.remote(max_retries=RETRIES, num_cpus=1)(run_shard)
        pending = [run.remote(task, name, shard) for name, shard in left.items()]
        try:
            while pending:
                done, pending = self._ray.wait(pending)
                self._ray.get(done)
                yield
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except self._ray.exceptions.RayError as error:
            raise ThresherError(
                f"Ray could not finish the step '{task.name}' ({type(error).__name__}: {error}). "
                "What is done stays done: run again to go on."
            ) from error
        finally:
            for reference in pending:
                self._ray.cancel(reference, force=False)

    def _open(self) -> None:
        if self._ray.is_initialized():
            return
        if "RAY_ADDRESS" in os.environ:
            self._ray.init(log_to_driver=False)
        else:
            self._ray.init(num_cpus=self.workers, include_dashboard=False, log_to_driver=False)
        self._started = True

    def close(self) -> None:
        """Leave the Ray session if it was opened here."""
        if self._started:
            self._ray.shutdown()
            self._started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
