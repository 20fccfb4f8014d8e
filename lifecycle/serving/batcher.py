"""Batches without a timer: what queued while the last batch ran is the next one.

With a thread for the model, requests gather while it runs. Without one, a request is run as it is
read: for models of a fraction of a millisecond every further turn of the loop costs more than
joining rows would save. Rows that are not sure at
one stage of a model wait for the next stage in a queue of their own: a later stage runs when its
batch is full, when nothing else is there to run, or when it was passed over a few times.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from thresher.core.counted import counted

from .isolation import Outcome, run_isolated
from .jobs import Job
from .refusal import Refusal
from .served_model import ServedModel

PATIENCE = 4  # batches of earlier stages before rows of a later one go on in a batch not full
_SMOOTHING = 0.1


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of one job at one stage: their places in the job, and their state."""

    job: Job
    rows: np.ndarray
    state: np.ndarray


class StageQueue:
    """What waits for one stage of one model."""

    def __init__(self, model: ServedModel, stage: int) -> None:
        self.model, self.stage = model, stage
        self.parts: deque[Part] = deque()
        self.rows = 0
        self.passed_over = 0

    def add(self, part: Part) -> None:
        """Queue a part."""
        self.parts.append(part)
        self.rows += len(part.rows)

    def take(self, most: int) -> list[Part]:
        """Return the oldest parts, `most` rows in all; a part may be divided."""
        taken: list[Part] = []
        room = most
        while self.parts and room:
            part = self.parts.popleft()
            if len(part.rows) > room:
                rest = Part(part.job, part.rows[room:], part.state[room:])
                self.parts.appendleft(rest)
                part = Part(part.job, part.rows[:room], part.state[:room])
            taken.append(part)
            room -= len(part.rows)
        self.rows -= most - room
        self.passed_over = 0
        return taken


class Batcher:
    """Runs what is queued, one batch at a time.

    Parameters
    ----------
    largest : int
        Rows of a batch.
    limit : int
        Rows that may be under way; a request beyond gets 503.
    threaded : bool
        Whether a batch runs in a thread of its own, so that requests are read meanwhile; for models
        of a millisecond and less, handing over costs more than it gives.
    ran : callable
        Is told model, stage, rows and seconds of each batch, and how many rows were dropped.
    """

    def __init__(
        self,
        *,
        largest: int,
        limit: int,
        threaded: bool,
        ran: Callable[[ServedModel, int, int, float, int], None],
    ) -> None:
        self.largest, self.limit, self.threaded = largest, limit, threaded
        self.under_way = 0
        self.busy = False
        self.seconds_a_row = 0.0
        self._ran = ran
        self._queues: dict[tuple[str, int], StageQueue] = {}
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(1, "model") if threaded else None

    def submit(self, model: ServedModel, job: Job, inputs: np.ndarray) -> None:
        """Queue the rows of a job for the first stage.

        Raises
        ------
        Refusal
            503 when the queue is full, with the time after which to ask again.
        """
        n = len(inputs)
        if self.under_way and self.under_way + n > self.limit:
            wait = max(1, int(np.ceil(self.under_way * self.seconds_a_row)))
            raise Refusal(
                503,
                f"{counted(self.under_way, 'row is', 'rows are')} waiting, and at most "
                f"{self.limit:,} may. Ask again in {wait} s.",
                retry_after=wait,
            )
        self.under_way += n
        self._queue(model, 0).add(Part(job, np.arange(n), inputs))
        self._wake()

    @property
    def waits(self) -> bool:
        """Whether rows that are queued may have to wait for a batch before theirs."""
        return self.threaded or self.under_way > 0

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return not self.busy and not self._queues

    def close(self) -> None:
        """Give back the thread."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def _queue(self, model: ServedModel, stage: int) -> StageQueue:
        key = (model.digest, stage)
        if key not in self._queues:
            self._queues[key] = StageQueue(model, stage)
        return self._queues[key]

    def _wake(self) -> None:
        if self.busy:
            return
        self.busy = True
        if self._pool is None:
            self._turn()
        else:
            # Requests that are read in the same turn of the loop join the batch.
            self._loop.call_soon(self._turn)

    def _go_on(self) -> None:
        """Run what is left after others had their turn."""
        self._queues = {key: queue for key, queue in self._queues.items() if queue.parts}
        if self._queues:
            self._loop.call_soon(self._turn)
        else:
            self.busy = False

    def _turn(self) -> None:
        queue = self._next()
        parts, dropped = self._wanted(queue)
        if not parts:
            self._ran(queue.model, queue.stage, 0, 0.0, dropped)
            self._go_on()
            return
        state = parts[0].state if len(parts) == 1 else np.concatenate([p.state for p in parts])
        if self._pool is None:
            self._finish(queue, parts, dropped, *_timed(queue, state))
            return
        done = self._loop.run_in_executor(self._pool, _timed, queue, state)
        done.add_done_callback(lambda one: self._finish(queue, parts, dropped, *one.result()))

    def _next(self) -> StageQueue:
        """Choose what runs: a later stage if its batch is full or waited long, else the first."""
        queues = sorted(self._queues.values(), key=lambda queue: queue.stage)
        if len(queues) == 1:
            return queues[0]
        able = (q for q in queues if q.rows >= self.largest or q.passed_over >= PATIENCE)
        chosen = max(able, key=lambda queue: queue.stage, default=queues[0])
        for queue in queues:
            queue.passed_over += queue.stage > chosen.stage
        return chosen

    def _wanted(self, queue: StageQueue) -> tuple[list[Part], int]:
        """Take a batch, and drop the rows for which nobody waits any more."""
        parts, dropped = [], 0
        for part in queue.take(self.largest):
            if part.job.wanted:
                parts.append(part)
            else:
                dropped += len(part.rows)
                self.under_way -= len(part.rows)
                part.job.drop(part.rows)
        return parts, dropped

    def _finish(
        self, queue: StageQueue, parts: list[Part], dropped: int, outcome: Outcome, seconds: float
    ) -> None:
        n = len(outcome.rows) + len(outcome.failed)
        share = _SMOOTHING if self.seconds_a_row else 1.0
        self.seconds_a_row += share * (seconds / n - self.seconds_a_row)
        start = 0
        for part in parts:
            self._settle(queue, part, outcome, start)
            start += len(part.rows)
        self._ran(queue.model, queue.stage, n, seconds, dropped)
        self._go_on()

    def _settle(self, queue: StageQueue, part: Part, outcome: Outcome, start: int) -> None:
        """Hand a part its share of a batch: answers, failures, and rows that go on."""
        if outcome.failed:
            failed = {
                int(part.rows[place - start]): text
                for place, text in outcome.failed.items()
                if start <= place < start + len(part.rows)
            }
            self.under_way -= len(failed)
            if failed:
                part.job.fail(failed)
        low, high = np.searchsorted(outcome.rows, (start, start + len(part.rows)))
        rows = part.rows[outcome.rows[low:high] - start]
        leaves = outcome.leaves[low:high]
        if leaves.all():
            if len(rows):
                self.under_way -= len(rows)
                part.job.answer(rows, outcome.logits[low:high], stage=queue.stage)
            return
        state = outcome.state[low:high][~leaves]
        self._queue(queue.model, queue.stage + 1).add(Part(part.job, rows[~leaves], state))
        if leaves.any():
            self.under_way -= int(leaves.sum())
            part.job.answer(rows[leaves], outcome.logits[low:high][leaves], stage=queue.stage)


def _timed(queue: StageQueue, state: np.ndarray) -> tuple[Outcome, float]:
    began = time.perf_counter()
    outcome = run_isolated(lambda rows: queue.model.step(queue.stage, rows), state)
    return outcome, time.perf_counter() - began
