"""Shards as the elements of a SLURM job array: one script is written, and submitted for each step.

The calling process waits for the array (``sbatch --wait``); an element runs this module, which
reads the task from the work folder and does its shards. Steps of one shard are done in the calling
process, since a place in the queue costs more. What the cluster asks for (partition, account, time,
memory) SLURM reads from its own variables, such as ``SBATCH_PARTITION``.
"""

from __future__ import annotations

import os
import pickle
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from ..counted import counted
from ..errors import InputError, ThresherError
from ..files import atomic_path, write_text
from ..progress import message
from .task import Task, run_shard

# Elements of an array (the usual MaxArraySize is 1001), and how often one is submitted that leaves
# as much undone as the one before.
MOST_ELEMENTS, MOST_BREAKS = 1000, 3
SCRIPT = """#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}{limit}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --requeue
#SBATCH --output={folder}/log-%a.txt
export PYTHONPATH={paths}
exec {python} -P -m thresher.core.executor.on_slurm {folder} "$SLURM_ARRAY_TASK_ID"
"""


class SlurmExecutor:
    """Runs shards as the elements of SLURM job arrays.

    The work folder and the sources must be on storage that all machines see at the same path, and
    the Python of this process too.

    Parameters
    ----------
    workers : int, optional
        Elements that run at once; default: as many as the cluster lets.

    Raises
    ------
    InputError
        When ``sbatch`` is not there.
    """

    name = "slurm"

    def __init__(self, workers: int | None = None) -> None:
        if shutil.which("sbatch") is None:
            raise InputError(
                "The executor 'slurm' submits jobs with `sbatch`, which is not on this machine. "
                "Call it on a login node of the cluster, or take 'processes'."
            )
        self.workers = workers or MOST_ELEMENTS
        self._limit = f"%{workers}" if workers else ""

    def map(self, task: Task, shards: Mapping[str, Any]) -> list[Path]:
        """Run a task over shards; see `Executor.map`."""
        task.clean()
        left, breaks = task.missing(shards), 0
        if len(left) == 1:
            for name, shard in left.items():
                run_shard(task, name, shard)
            return task.outputs(shards)
        while left:
            self._submit(task, left)
            before, left = len(left), task.missing(shards)
            breaks = breaks + 1 if len(left) == before else 0
            if left and breaks == MOST_BREAKS:
                raise ThresherError(_died(task, left))
        return task.outputs(shards)

    def _submit(self, task: Task, left: dict[str, Any]) -> None:
        """Write the script and what it reads, wait for the array, and raise what a task raised."""
        home = folder_of(task)
        elements = min(len(left), MOST_ELEMENTS)
        with atomic_path(home) as temporary:
            temporary.mkdir()
            dealt = [dict(list(left.items())[at::elements]) for at in range(elements)]
            for at, some in enumerate(dealt):
                (temporary / f"element-{at}.pickle").write_bytes(pickle.dumps((task, some)))
        script = SCRIPT.format(
            name=f"thresher-{task.name}",
            last=elements - 1,
            limit=self._limit,
            folder=shlex.quote(str(home.resolve())),
            python=shlex.quote(sys.executable),
            paths=shlex.quote(_paths()),
        )
        write_text(home / "array.sh", script)
        message(
            f"{task.name}: {counted(len(left), 'shard')} as {counted(elements, 'element')} of a "
            "job array"
        )
        _wait_for(home / "array.sh")
        for path in sorted(home.glob("error-*.pickle")):
            error = pickle.loads(path.read_bytes())
            raise error

    def close(self) -> None:
        """Do nothing: no job outlives a call of `map`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def folder_of(task: Task) -> Path:
    """Return where the script of a step lies, its logs, and what its elements read."""
    return task.folder / f"slurm-{task.name}-{task.key}"


def _paths() -> str:
    """Return where this process looks for modules, so that elements find the same ones.

    Without it they would look first in the folder that jobs start in, where a file of the user's
    called ``training.py`` may lie.
    """
    return os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)


def _wait_for(script: Path) -> None:
    """Submit a script and wait until its array has ended; cancel it when this process is stopped.

    How its elements ended is told by what they left, not by the exit status.
    """
    command = ["sbatch", "--parsable", "--wait", str(script)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    job = ""
    try:
        assert process.stdout is not None
        job = process.stdout.readline().strip().partition(";")[0]
        _, said = process.communicate()
    except BaseException:
        process.kill()
        if job:
            subprocess.run(["scancel", job], check=False)
        raise
    if not job:
        raise ThresherError(f"`sbatch` did not take {script}: {said.strip() or 'it said nothing'}.")


def _died(task: Task, left: dict[str, Any]) -> str:
    named = ", ".join(list(left)[:5])
    return (
        f"The job array of the step '{task.name}' ended {MOST_BREAKS} times without finishing one "
        f"more shard; not done: {len(left)}, such as {named}. Its logs are in {folder_of(task)}; "
        "elements may lack memory or time (SBATCH_MEM_PER_NODE, SBATCH_TIMELIMIT). What is done "
        "stays done: run again to go on."
    )


def run_element(folder: Path, at: int) -> None:
    """Do the shards of one element of an array, and keep what a task raised for the caller."""
    task, shards = pickle.loads((folder / f"element-{at}.pickle").read_bytes())
    try:
        for name, shard in shards.items():
            run_shard(task, name, shard)
    except Exception as error:
        with atomic_path(folder / f"error-{at}.pickle") as temporary:
            temporary.write_bytes(pickle.dumps(error))
        raise


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    run_element(Path(sys.argv[1]), int(sys.argv[2]))
