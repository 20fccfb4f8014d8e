"""Executors by name."""

from __future__ import annotations

from ..errors import InputError, check_choice
from .processes import ProcessExecutor
from .serial import SerialExecutor
from .task import Executor

EXECUTORS = ("serial", "processes", "ray", "slurm")


def get_executor(spec: str | Executor = "serial", *, workers: int | None = None) -> Executor:
    """Return the executor that `spec` names.

    Parameters
    ----------
    spec : {"serial", "processes", "ray", "slurm"} or Executor
        This process; a pool of processes; Ray (extra ``ray``); SLURM job arrays. An executor is
        returned as it is.
    workers : int, optional
        Processes, or processors of a local Ray session, by default one for each processor; or
        elements of an array that run at once.

    Raises
    ------
    InputError
        On an unknown name, or workers for an executor that takes none.
    MissingExtraError
        When Ray is asked for and not installed.
    """
    if not isinstance(spec, str):
        return spec
    check_choice("executor", spec, EXECUTORS)
    if workers is not None and workers < 1:
        raise InputError(f"`workers` must be at least 1, got {workers}.")
    if spec == "processes":
        return ProcessExecutor(workers)
    if spec == "ray":
        from .on_ray import RayExecutor

        return RayExecutor(workers)
    if spec == "slurm":
        from .on_slurm import SlurmExecutor

        return SlurmExecutor(workers)
    if workers not in (None, 1):
        raise InputError(
            f"The executor 'serial' has one worker, got workers={workers}. Take 'processes'."
        )
    return SerialExecutor()
