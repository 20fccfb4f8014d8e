"""Batches of augmented images that know their rows and can go on in the middle of an epoch.

The order of an epoch is a function of (seed, epoch) and every draw one of the row's key, so the
position in the stream, two integers, is the whole state. There are no worker processes: batched
kernels and a memory map leave them nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from thresher.core.errors import InputError
from thresher.core.randomness import RandomState

from .augmenter import Augmenter
from .keyed import check_index, check_keys, check_seed, draw


@dataclass(frozen=True)
class LoadedBatch:
    """Images (b, H, W, C), where they come from, and the epoch."""

    images: np.ndarray
    positions: np.ndarray
    keys: np.ndarray
    epoch: int


class BatchLoader:
    """Goes through the epochs of an image array, augmenting each batch.

    Parameters
    ----------
    images
        uint8 (n, H, W, C), in memory or memory-mapped (see `augment.cache`).
    keys
        One per row; see `Augmenter.batch`.
    augmenter
        None leaves images as they are.
    order
        Positions of one epoch, such as `augment.multiplicity.balanced` gives; all rows by default.
        A row that occurs several times in an epoch gets another view each time.
    batch_size, shuffle, drop_last
        As usual.
    random_state
        Seed of the order.
    """

    def __init__(
        self,
        images: np.ndarray,
        keys: Any,
        *,
        augmenter: Augmenter | None = None,
        order: np.ndarray | None = None,
        batch_size: int = 128,
        shuffle: bool = True,
        drop_last: bool = False,
        random_state: RandomState = 0,
    ) -> None:
        if check_index("batch_size", batch_size) < 1:
            raise InputError("`batch_size` must be at least 1, got 0.")
        self.images, self.augmenter, self.batch_size = images, augmenter, batch_size
        self.keys = check_keys(keys, n=len(images))
        self.order = np.arange(len(images)) if order is None else np.asarray(order)
        if self.order.size and not 0 <= self.order.min() <= self.order.max() < len(images):
            raise InputError(f"`order` must hold positions from 0 to {len(images) - 1}.")
        self.shuffle, self.drop_last = shuffle, drop_last
        self.seed = check_seed(random_state)
        self.epoch = self.batch = 0

    def __len__(self) -> int:
        full, rest = divmod(len(self.order), self.batch_size)
        return full if self.drop_last or not rest else full + 1

    def __iter__(self) -> Iterator[LoadedBatch]:
        """Yield the rest of the current epoch, then stop; the next loop is the next epoch."""
        positions, views = self._epoch_order()
        while self.batch < len(self):
            start = self.batch * self.batch_size
            part = slice(start, start + self.batch_size)
            self.batch += 1
            yield self._load(positions[part], views[part])
        self.epoch, self.batch = self.epoch + 1, 0

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

    def _load(self, positions: np.ndarray, views: np.ndarray) -> LoadedBatch:
        images, keys = np.asarray(self.images[positions]), self.keys[positions]
        if self.augmenter is not None:
            for view in np.unique(views).tolist():
                chosen = views == view
                images[chosen] = self.augmenter.batch(
                    images[chosen], keys[chosen], self.epoch, int(view)
                )
        return LoadedBatch(images, positions, keys, self.epoch)


def _occurrence(order: np.ndarray) -> np.ndarray:
    """Return for each place how often its value came before."""
    ranked = np.argsort(order, kind="stable")
    ordered = order[ranked]
    first = np.r_[True, ordered[1:] != ordered[:-1]][: len(ordered)]
    starts = np.maximum.accumulate(np.where(first, np.arange(len(ordered)), 0))
    count = np.empty(len(order), dtype=np.int64)
    count[ranked] = np.arange(len(ordered)) - starts
    return count
