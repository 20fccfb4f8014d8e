"""Loading one batch, here or in worker processes that run ahead."""

from __future__ import annotations

import os
import pickle
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Protocol, TypeAlias

import numpy as np

from thresher.core.choice import Choice, available_cpus
from thresher.core.counted import counted
from thresher.core.errors import InputError, ThresherError

from ..augmenter import Augmenter

# Seconds until a new process has imported what it needs.
STARTING = 2.0
# Positions, views and the epoch of a batch.
Task: TypeAlias = tuple[np.ndarray, np.ndarray, int]


class Images(Protocol):
    """An array of images, or what gives them for positions as an array does."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def __getitem__(self, positions: np.ndarray) -> np.ndarray:
        """Return the images at `positions`, uint8 (m, H, W, C)."""


@dataclass(frozen=True)
class LoadedBatch:
    """Images (b, H, W, C), where they come from, and the epoch."""

    images: np.ndarray
    positions: np.ndarray
    keys: np.ndarray
    epoch: int


@dataclass(frozen=True)
class BatchLoading:
    """Everything that a process needs in order to load any batch."""

    images: Images
    keys: np.ndarray
    augmenter: Augmenter | None

    def __call__(self, task: Task) -> LoadedBatch:
        """Load and augment one batch."""
        positions, views, epoch = task
        images, keys = np.asarray(self.images[positions]), self.keys[positions]
        if self.augmenter is not None:
            different = np.unique(views).tolist()
            if len(different) == 1:
                images = self.augmenter.batch(images, keys, epoch, int(different[0]))
            else:
                for view in different:
                    chosen = views == view
                    images[chosen] = self.augmenter.batch(
                        images[chosen], keys[chosen], epoch, int(view)
                    )
        return LoadedBatch(images, positions, keys, epoch)


_loading: BatchLoading | None = None


def _start(pickled: bytes) -> None:
    global _loading  # what each worker process is given once
    _loading = pickle.loads(pickled)


def _work(task: Task) -> LoadedBatch:
    if _loading is None:
        raise ThresherError("A loader process was asked for a batch before it was set up.")
    return _loading(task)


def choose_workers(load: BatchLoading, tasks: Sequence[Task]) -> Choice:
    """Choose how many processes load `tasks`, by loading two of them here."""
    seconds = sending = 0.0
    for task in tasks[:2]:
        start = time.perf_counter()
        batch = load(task)
        seconds = time.perf_counter() - start
        pickle.loads(pickle.dumps(batch))
        sending = time.perf_counter() - start - seconds
    return count_workers(len(tasks), seconds=seconds, sending=sending, cpus=_free_cpus())


def _free_cpus() -> int:
    """Return how many processors this process has, less those that others keep busy."""
    cpus = available_cpus()
    if not hasattr(os, "getloadavg"):
        return cpus
    return max(1, min(cpus, round(1 + cpus - os.getloadavg()[0])))


def count_workers(batches: int, *, seconds: float, sending: float, cpus: int) -> Choice:
    """Choose how many processes load batches that take so many seconds to load and to send."""
    here = batches * seconds
    ahead = STARTING + batches * max(seconds / cpus, 2 * sending)
    found = f"a batch takes {1e3 * seconds:.1f} ms to load and {1e3 * sending:.1f} ms to send"
    if cpus < 2:
        return Choice("0", "no second processor is free")
    if ahead >= here:
        return Choice(
            "0",
            (
                f"{found}: {counted(batches, 'batch is', 'batches are')} loaded sooner without "
                "processes"
            ),
        )
    return Choice(
        str(cpus),
        (
            f"{found}: {counted(cpus, 'process', 'processes')} load "
            f"{counted(batches, 'batch', 'batches')} sooner"
        ),
    )


def load_ahead(loading: BatchLoading, tasks: Sequence[Task], workers: int) -> Iterator[LoadedBatch]:
    """Yield the batches of `tasks` in order from `workers` processes, two ahead for each.

    Raises
    ------
    InputError
        When the images, or a function in them, cannot be sent to another process.
    ThresherError
        When a worker process died.
    """
    try:
        pickled = pickle.dumps(loading)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InputError(
            f"What loads the images cannot be sent to a worker process ({error}). Use a function "
            "defined at the top of a module instead of a lambda, or workers=0."
        ) from error
    return _ahead(pickled, tasks, workers)


def _ahead(pickled: bytes, tasks: Sequence[Task], workers: int) -> Iterator[LoadedBatch]:
    # Spawned, not forked: a forked process inherits locks that threads of this one may hold.
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_start, initargs=(pickled,)
    )
    waiting: deque[Future[LoadedBatch]] = deque()
    try:
        for task in tasks:
            waiting.append(pool.submit(_work, task))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise ThresherError(
            "A loader process died, most often for lack of memory. Use fewer workers or smaller "
            "batches; the loader's state goes on at the batch that was not delivered."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
