"""Tasks that write files outside of the work folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from os.path import relpath
from pathlib import Path
from typing import Any

from thresher.core.executor import Task
from thresher.core.files import write_json

from ..sharded.work import Work


def write_targets(
    work: Work, task: Task, jobs: Mapping[str, Any], targets: Mapping[str, Path]
) -> list[Path]:
    """Run a task whose jobs write files, and return its outputs.

    What a call before this one has written is kept where it was the same task and all of its files
    are there; else all are written anew, since they may have come from another one. Files that it
    has written and that are none of this call's are removed.

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
    made = {"key": task.key, "files": [relpath(path, work.folder) for path in targets.values()]}
    before = _marked(marker)
    if made != before or any(
        task.output(name).exists() and not target.exists() for name, target in targets.items()
    ):
        task.discard()
        _remove(work, set(before["files"]) - set(made["files"]))
        write_json(marker, made)
    return work.executor.map(task, jobs)


def forget_targets(work: Work, name: str) -> None:
    """Remove the files that an earlier call's task of this name has written, and empty folders."""
    marker = work.folder / f"{name}.key"
    files = set(_marked(marker)["files"])
    _remove(work, files)
    for folder in {(work.folder / file).parent for file in files}:
        with suppress(OSError):  # something of the user's is in it
            folder.rmdir()
    marker.unlink(missing_ok=True)


def _marked(marker: Path) -> dict[str, Any]:
    """Return the key of the task that wrote last, and its files as seen from the work folder."""
    try:
        found = json.loads(marker.read_bytes())
    except (FileNotFoundError, ValueError):
        found = None
    return found if isinstance(found, dict) else {"key": None, "files": []}


def _remove(work: Work, files: Iterable[str]) -> None:
    for name in files:
        (work.folder / name).unlink(missing_ok=True)
