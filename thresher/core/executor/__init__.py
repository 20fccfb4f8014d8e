"""Run a task over many shards: in this process, in a pool of processes, on Ray or on SLURM.

The engine stays outside of the algorithm. A task is a function of one shard that fills one folder;
its output is keyed by content and settings, written whole or not at all, and never made twice. So
every executor gives the same bytes, and a run that was killed goes on where it stopped.
"""

from .choosing import get_executor
from .task import Executor, Task

__all__ = ["Executor", "Task", "get_executor"]
