"""Rows on their way through the model, and the requests that wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import numpy as np

ANSWERED, EXPIRED, LEFT = "answered", "expired", "left"


class Job:
    """Rows of one request that no cache knew, and their answers as they come.

    Several requests may wait for one job, when they asked for the same rows at the same time; it is
    run as long as any of them does.

    Attributes
    ----------
    logits : ndarray of float32, shape (n, classes)
    stages : ndarray of int, shape (n,)
        At which stage each row left.
    errors : dict of int to str
        Rows that the model could not answer.
    open : int
        Rows without an answer.
    """

    def __init__(
        self, n: int, *, classes: int, settled: Callable[[Job, Sequence[int], bool], None]
    ) -> None:
        self.logits = np.zeros((n, classes), dtype=np.float32)
        self.stages = np.zeros(n, dtype=np.int64)
        self.errors: dict[int, str] = {}
        self.open = n
        self._settled = settled
        self._waiting: list[Waiting] = []

    @property
    def wanted(self) -> bool:
        """Whether a request still waits for it, or none had the time to."""
        return not self._waiting or any(not one.future.done() for one in self._waiting)

    def add(self, waiting: Waiting) -> None:
        """Let a request wait for this job."""
        self._waiting.append(waiting)

    def answer(self, rows: np.ndarray, logits: np.ndarray, *, stage: int) -> None:
        """Take the answers of some rows."""
        self.logits[rows] = logits
        self.stages[rows] = stage
        self._close(rows.tolist(), answered=True)

    def fail(self, errors: dict[int, str]) -> None:
        """Take what went wrong with some rows."""
        self.errors |= errors
        self._close(list(errors), answered=False)

    def drop(self, rows: np.ndarray) -> None:
        """Give up rows that nobody waits for."""
        self.fail(dict.fromkeys(rows.tolist(), "nobody waited for it any more"))

    def _close(self, rows: Sequence[int], *, answered: bool) -> None:
        self.open -= len(rows)
        self._settled(self, rows, answered)
        if not self.open:
            for one in self._waiting:
                one.job_done()


class Waiting:
    """A request that waits for jobs, until they are done, its time is over, or its client leaves.

    Attributes
    ----------
    future : Future of str
        Gets ``"answered"``, ``"expired"`` or ``"left"``.
    """

    def __init__(self, jobs: Sequence[Job], loop: asyncio.AbstractEventLoop) -> None:
        self.future: asyncio.Future[str] = loop.create_future()
        still = [job for job in jobs if job.open]
        self._pending = len(still)
        for job in still:
            job.add(self)
        if not still:
            self.future.set_result(ANSWERED)

    def job_done(self) -> None:
        """Note that one of the jobs is done."""
        self._pending -= 1
        if not self._pending:
            self.end(ANSWERED)

    def end(self, how: str) -> None:
        """Wait no longer."""
        if not self.future.done():
            self.future.set_result(how)
