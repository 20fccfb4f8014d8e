"""Batches of augmented images that know their rows and can go on in the middle of an epoch.

The order of an epoch is a function of (seed, epoch) and every draw one of the row's key, so the
position in the stream, two integers, is the whole state. Batched kernels and a memory map leave
worker processes nothing to do; where images are decoded again in every epoch, they may pay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np

from thresher.core.choice import Choice
from thresher.core.errors import InputError
from thresher.core.moved import renamed
from thresher.core.randomness import RandomState
from thresher.core.signatures import checked

from ..augmenter import Augmenter
from ..randomness.keyed import check_index, check_keys, check_seed, draw
from .workers import BatchLoading, Images, LoadedBatch, Task, choose_workers, load_ahead


class BatchLoader:
    """Goes through the epochs of an image array, augmenting each batch.

    Parameters
    ----------
    images
        uint8 (n, H, W, C), in memory or memory-mapped (see `augment.cache_decoded`), or what
        returns such batches for positions, as `augment.DecodedRows` does.
    row_ids
        One per row; see `Augmenter.batch`.
    augmenter
        None leaves images as they are.
    order
        Positions of one epoch, such as `augment.balanced` gives; all rows
        by default. A row that occurs several times in an epoch gets another view each time.
    batch_size, shuffle, drop_last
        As usual.
    workers
        Processes that load batches ahead; 0 loads them here, ``"auto"`` goes by what two batches of
        the first epoch take (see ``chosen_workers``). The bits are the same.
    random_state
        Seed of the order.

    Examples
    --------
    >>> import numpy as np
    >>> from augment import Augmenter, BatchLoader, policies
    >>> images = np.zeros((5, 8, 8, 3), dtype=np.uint8)
    >>> augmenter = Augmenter(policies.standard(pad=1, flip=True), random_state=0)
    >>> loader = BatchLoader(images, list("abcde"), augmenter=augmenter, batch_size=2)
    >>> [len(batch.positions) for batch in loader]
    [2, 2, 1]
    """

    @renamed(keys="row_ids")
    @checked
    def __init__(
        self,
        images: Images,
        row_ids: Any,
        *,
        augmenter: Augmenter | None = None,
        order: np.ndarray | None = None,
        batch_size: int = 128,
        shuffle: bool = True,
        drop_last: bool = False,
        workers: int | Literal["auto"] = 0,
        random_state: RandomState = 0,
    ) -> None:
        given: object = images
        plain = (list, tuple, dict, str, bytes, memoryview)
        if isinstance(given, plain) or not hasattr(given, "__getitem__") or _is_one(given):
            raise InputError(
                f"`images` must be an array, a tensor or a cache of images, got {images!r:.80}."
            )
        if check_index("batch_size", batch_size) < 1:
            raise InputError("`batch_size` must be at least 1, got 0.")
        self.images, self.augmenter, self.batch_size = images, augmenter, batch_size
        self.keys = check_keys(row_ids, n=len(images))
        self.order = np.arange(len(images)) if order is None else np.asarray(order)
        if self.order.size and not 0 <= self.order.min() <= self.order.max() < len(images):
            raise InputError(f"`order` must hold positions from 0 to {len(images) - 1}.")
        self.shuffle, self.drop_last = shuffle, drop_last
        self.workers = workers if workers == "auto" else check_index("workers", workers)
        self.chosen_workers: Choice | None = None
        self.seed = check_seed(random_state)
        self.epoch = self.batch = 0

    def __len__(self) -> int:
        full, rest = divmod(len(self.order), self.batch_size)
        return full if self.drop_last or not rest else full + 1

    def __iter__(self) -> Iterator[LoadedBatch]:
        """Yield the rest of the current epoch, then stop; the next loop is the next epoch."""
        tasks = self._tasks()
        load = BatchLoading(self.images, self.keys, self.augmenter)
        workers = self._count_workers(load, tasks)
        batches = load_ahead(load, tasks, workers) if workers else map(load, tasks)
        for batch in batches:
            # Counted before it is handed out: a state asked for now goes on behind it.
            self.batch += 1
            yield batch
        self.epoch, self.batch = self.epoch + 1, 0

    def _count_workers(self, load: BatchLoading, tasks: list[Task]) -> int:
        if self.workers != "auto":
            return self.workers
        if self.chosen_workers is None:
            self.chosen_workers = choose_workers(load, tasks)
        return int(self.chosen_workers.value)

    def _tasks(self) -> list[Task]:
        positions, views = self._epoch_order()
        starts = range(self.batch * self.batch_size, len(positions), self.batch_size)
        parts = [slice(start, start + self.batch_size) for start in starts]
        tasks = [(positions[part], views[part], self.epoch) for part in parts]
        return tasks[: len(self) - self.batch]

    def state_dict(self) -> dict[str, int]:
        """Return the place in the stream."""
        return {"seed": self.seed, "epoch": self.epoch, "batch": self.batch}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go to a place that `state_dict` gave."""
        if state.get("seed") != self.seed:
            raise InputError(f"The state has seed {state.get('seed')}, this loader {self.seed}.")
        self.epoch = check_index("epoch", state["epoch"])
        self.batch = check_index("batch", state["batch"])

    def _epoch_order(self) -> tuple[np.ndarray, np.ndarray]:
        views = _occurrence(self.order)
        if not self.shuffle:
            return self.order, views
        mixed = draw(self.seed, self.keys[self.order] ^ (views.astype(np.uint64) << np.uint64(48)),
                     epoch=self.epoch)  # fmt: skip
        shuffled = np.argsort(mixed.uniform(0, 1)[:, 0], kind="stable")
        return self.order[shuffled], views[shuffled]


def _occurrence(order: np.ndarray) -> np.ndarray:
    """Return for each place how often its value came before."""
    ranked = np.argsort(order, kind="stable")
    ordered = order[ranked]
    first = np.r_[True, ordered[1:] != ordered[:-1]][: len(ordered)]
    starts = np.maximum.accumulate(np.where(first, np.arange(len(ordered)), 0))
    count = np.empty(len(order), dtype=np.int64)
    count[ranked] = np.arange(len(ordered)) - starts
    return count


def _is_one(images: object) -> bool:
    """Tell whether there is no axis of images: an array without a dimension, or no collection."""
    return getattr(images, "shape", None) == () or not hasattr(images, "__len__")
