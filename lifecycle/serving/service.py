"""The state of a server: the model that serves, its queue, its caches, what is measured."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from thresher.core.errors import InputError

from .answering import Answerer, Answers, check_servable
from .batcher import Batcher
from .bodies import Rows
from .cache import Cache
from .exporting import Exporter
from .metrics import Metrics
from .near import NearCache, choose_near
from .options import MB, ServingOptions
from .planning import ServingPlan, plan_model
from .request_log import RequestLog
from .served_model import ServedModel, load_served
from .swapping import STORED, Parity, SwapRefused, load_candidate, stamp


@dataclass(frozen=True, eq=False)
class Served:
    """One answered request, as observers see it.

    Attributes
    ----------
    request_id : str
    model : ServedModel
    rows : Rows
        As they were sent.
    answers : Answers
    seconds : float
    """

    request_id: str
    model: ServedModel
    rows: Rows
    answers: Answers
    seconds: float


class Observer(Protocol):
    """Is told of each answered request after its answer was sent, on the server's own thread."""

    def __call__(self, served: Served) -> None:
        """Take note; what takes long belongs into a thread of the observer's."""


class Service:
    """A model that serves; `start` and `stop` frame its life in one event loop.

    Parameters
    ----------
    path : Path
    options : ServingOptions
    log : RequestLog
    observers : sequence of Observer
    exporters : sequence of Exporter
    """

    def __init__(
        self,
        path: Path,
        options: ServingOptions,
        *,
        log: RequestLog,
        observers: Sequence[Observer] = (),
        exporters: Sequence[Exporter] = (),
    ) -> None:
        self.path, self.options, self.log = path, options, log
        self.observers = tuple(observers)
        self.stamp = stamp(path)
        self.model = load_served(path, threads=options.threads)
        check_servable(self.model)
        self.plan: ServingPlan = plan_model(self.model, options)
        self.cache = Cache(int(options.cache_mb * MB)) if options.cache_mb else None
        self._near, self.near_said = self._near_of(self.model)
        if options.near is not None and self._near is None:
            raise InputError(str(self.near_said))
        self.metrics = Metrics(exporters)
        self.last_swap: dict[str, Any] | None = None
        self.stopping = False
        self._stored: deque[np.ndarray] = deque(maxlen=STORED)
        self._lock: asyncio.Lock | None = None
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to serve in the running loop."""
        self._lock = asyncio.Lock()
        self.batcher = Batcher(
            largest=int(self.plan.batch.value),
            limit=self.options.queue_rows,
            threaded=self.plan.threaded.value == "yes",
            ran=self._ran,
        )
        self.answerer = self._answerer(self.model, self._near)
        self.metrics.watch("thresher_queue_rows", "Rows under way.", lambda: self.batcher.under_way)
        if self.cache is not None:
            cache = self.cache
            self.metrics.watch("thresher_cache_bytes", "In the cache.", lambda: cache.bytes)
        if self.options.watch_s:
            self._watcher = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """End what is under way, then let go."""
        self.stopping = True
        if self._watcher is not None:
            self._watcher.cancel()
        while not self.batcher.idle:
            await asyncio.sleep(0.005)
        self.batcher.close()

    async def swap(self, path: Path, *, force: bool = False) -> Parity:
        """Let the model at `path` take over.

        Raises
        ------
        SwapRefused
            When it may not; the old one goes on.
        """
        assert self._lock is not None
        async with self._lock:
            try:
                parity = await self._swap(path, force)
            except SwapRefused as error:
                self.metrics.swap("refused")
                self.last_swap = {"result": "refused", "path": str(path), "reason": str(error)}
                self.log.write(event="swap", **self.last_swap)
                raise
            self.metrics.swap("swapped")
            self.last_swap = {
                "result": "swapped",
                "path": str(path),
                "model": self.model.digest,
                "stored_rows": parity.rows,
                "agreeing": parity.agreeing,
            }
            self.log.write(event="swap", **self.last_swap)
            return parity

    async def _swap(self, path: Path, force: bool) -> Parity:
        seen = await asyncio.to_thread(stamp, path)
        stored = self._stored_rows()
        candidate, parity = await asyncio.to_thread(
            load_candidate, path, self.model, stored, threads=self.options.threads, force=force
        )
        near, near_said = await asyncio.to_thread(self._near_of, candidate)
        # From here on without a pause: a request sees the old model or the new, never a mixture.
        self.path, self.stamp = path, seen
        self.model, self._near, self.near_said = candidate, near, near_said
        self.answerer = self._answerer(candidate, near)
        if candidate.input_spec.shape != stored.shape[1:]:
            self._stored.clear()
        return parity

    def _stored_rows(self) -> np.ndarray:
        spec = self.model.input_spec
        return np.stack(self._stored) if self._stored else np.zeros((0, *spec.shape), spec.dtype)

    def _answerer(self, model: ServedModel, near: NearCache | None) -> Answerer:
        return Answerer(model, self.batcher, self.cache, near, ran_row=self._stored.append)

    def _near_of(self, model: ServedModel) -> tuple[NearCache | None, str | None]:
        """Return the cache of near repeats of a model, and what was found, or why there is none."""
        if self.options.near is None:
            return None, None
        try:
            rule = choose_near(model, read_rows(self.options.near))
        except InputError as error:
            return None, str(error)
        limit = int(self.options.near_mb * MB)
        return NearCache(rule, limit=limit, classes=len(model.classes)), str(rule)

    def _ran(self, _: ServedModel, stage: int, rows: int, seconds: float, dropped: int) -> None:
        self.metrics.batch(stage, rows, seconds, dropped)

    async def _watch(self) -> None:
        """Look at the model's files, and swap once they have changed and come to rest."""
        changed = self.stamp
        while True:
            await asyncio.sleep(self.options.watch_s)
            seen = await asyncio.to_thread(stamp, self.path)
            if seen and seen != self.stamp and seen == changed:
                self.stamp = seen  # a refusal is said once; files that change again are tried again
                try:
                    await self.swap(self.path)
                except SwapRefused:
                    pass  # in the log, and at /model
                except Exception as error:  # looking must go on whatever went wrong
                    self.log.write(event="swap failed", reason=repr(error)[:300])
            changed = seen

    def observe(self, make: Callable[[], Served]) -> None:
        """Tell the observers; one that fails is named in the log and hurts nobody."""
        if not self.observers:
            return
        served = make()
        for observer in self.observers:
            try:
                observer(served)
            except Exception as error:  # whatever an observer of others raises
                self.log.write(event="observer failed", reason=repr(error)[:200])


def read_rows(path: Path) -> np.ndarray:
    """Read rows from a ``.npy`` file."""
    try:
        rows: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no .npy file of rows ({error}).") from error
    if not isinstance(rows, np.ndarray) or rows.ndim < 2:
        raise InputError(f"{path} must hold one array of rows.")
    return rows
