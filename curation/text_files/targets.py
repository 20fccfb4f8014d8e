"""Tasks that write files outside of the work folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thresher.core.executor import Task
from thresher.core.files import write_text

from ..sharded.work import Work


def write_targets(
    work: Work, task: Task, jobs: Mapping[str, Any], targets: Mapping[str, Path]
) -> list[Path]:
    """Run a task whose jobs write files, and return its outputs.

    What a call before this one has written is kept where it was the same task and all of its files
    are there; else all are written anew, since they may have come from another one.

    Parameters
    ----------
    work : Work
    task : Task
    jobs : mapping of str to object
        What the task is called with.
    targets : mapping of str to Path
        The file of each job.
    """
    marker = work.folder / f"{task.name}.key"
    same = marker.exists() and marker.read_text(encoding="utf-8") == task.key
    if not same or any(
        task.output(name).exists() and not target.exists() for name, target in targets.items()
    ):
        task.discard()
        write_text(marker, task.key)
    return work.executor.map(task, jobs)
