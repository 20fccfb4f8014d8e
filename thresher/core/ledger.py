"""The cost ledger: what every stage took in, gave out and used, one JSON line each."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .energy import joules_between, read_counters
from .errors import InputError, check_number


@dataclass
class StageCost:
    """What one stage cost. Times in seconds, memory in megabytes (10**6 bytes).

    ``cpu_s`` counts all threads of this process and its finished children. ``peak_mb`` is the
    highest memory of the process up to the end of the stage, since the operating system keeps
    no peak for a part of it. ``gpu_s`` are the seconds in which the stage held a GPU, busy or not.
    ``joules`` is the energy of the whole processor (and GPU) meanwhile, None where the machine does
    not let it be read. ``money`` is the price of the machine for ``wall_s``, None without a price.
    ``extra`` takes the numbers that only some stages have: FLOPs, rows seen in training, an
    accuracy.
    """

    stage: str
    rows_in: int | None = None
    rows_out: int | None = None
    labels: int | None = None
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_mb: float = 0.0
    device: str = "cpu"
    gpu_s: float = 0.0
    joules: float | None = None
    money: float | None = None
    reused: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


class CostLedger:
    """Append-only record of stages, kept in memory and, with `path`, in a JSON Lines file.

    Parameters
    ----------
    path : path-like, optional
        File to append to; each line is on disk before `stage` returns.
    device : str
        ``"cpu"`` or ``"cuda"``: what the stages compute on.
    price_per_hour : float, optional
        Of this machine, in any currency.

    Examples
    --------
    >>> from thresher.core import CostLedger
    >>> ledger = CostLedger("ledger.jsonl")
    >>> with ledger.stage("clean", rows=3):
    ...     total = sum(range(1000))
    >>> CostLedger.load("ledger.jsonl").stages[0].stage
    'clean'
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        device: str = "cpu",
        price_per_hour: float | None = None,
    ) -> None:
        if price_per_hour is not None:
            check_number("price_per_hour", price_per_hour, low=0)
        self.device = device
        self.price_per_hour = price_per_hour
        self.path = None if path is None else Path(path)
        self.stages: list[StageCost] = []

    @contextmanager
    def stage(self, name: str, *, rows: int | None = None) -> Iterator[StageCost]:
        """Time a block and record it, also when it fails; the block may fill in the rest."""
        cost = StageCost(stage=name, rows_in=rows, device=self.device)
        energy = read_counters(self.device)
        wall, cpu = time.perf_counter(), _cpu_seconds()
        try:
            yield cost
        except BaseException as error:
            cost.extra["error"] = type(error).__name__
            raise
        finally:
            cost.wall_s = time.perf_counter() - wall
            cost.cpu_s = _cpu_seconds() - cpu
            cost.peak_mb = peak_megabytes()
            cost.gpu_s = cost.wall_s if self.device == "cuda" else 0.0
            cost.joules = joules_between(energy, read_counters(self.device))
            if self.price_per_hour is not None:
                cost.money = cost.wall_s / 3600 * self.price_per_hour
            self.add(cost)

    def add(self, cost: StageCost) -> None:
        """Record a finished stage."""
        self.stages.append(cost)
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(cost), sort_keys=True) + "\n")
                file.flush()
                os.fsync(file.fileno())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> CostLedger:
        """Read a ledger; a last line cut short by a crash is left out, any other damage raises."""
        ledger = cls(path)
        lines = Path(path).read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines, 1):
            if not line:
                continue
            try:
                ledger.stages.append(StageCost(**json.loads(line)))
            except (json.JSONDecodeError, TypeError) as error:
                if number < len(lines):
                    raise InputError(
                        f"{path}, line {number}: not a ledger entry ({error})."
                    ) from error
        return ledger


def _cpu_seconds() -> float:
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def peak_megabytes() -> float:
    """Return the most memory that this process has held, in 10⁶ bytes.

    Linux lets ``ru_maxrss`` begin at what the process that started this one held; ``VmHWM`` not.
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
