"""Equal rows over many shards: a hash of each row, then one sort of the hashes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.core.errors import InputError
from thresher.core.search.identical import first_of_hashes, row_hashes

from .arrays import ShardedArray


@dataclass(frozen=True)
class HashRows:
    """Task over row ranges: ``hashes.npy``, uint64 (m, 2), and ``alive.npy``, bool (m,)."""

    vectors: ShardedArray

    def __call__(self, rows: tuple[int, int], folder: Path) -> None:
        """Fill the folder."""
        block = self.vectors.read(*rows)
        bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if len(bad):
            raise InputError(
                f"{len(bad)} vectors hold NaN or infinite values, the first at position "
                f"{rows[0] + bad[0]}. Drop or repair them first."
            )
        parts = [row_hashes(block, seed=seed) for seed in (0, 1)]
        np.save(folder / "hashes.npy", np.stack([part[0] for part in parts], axis=1))
        np.save(folder / "alive.npy", parts[0][1])


@dataclass(frozen=True)
class FindEqual:
    """Task for one shard, all rows: ``same_as.npy``, int64 (n,), and ``alive.npy``, bool (n,).

    Rows count as equal when two independent 64-bit hashes are; zero rows are equal to nothing.
    """

    hashed: tuple[Path, ...]

    def __call__(self, _: None, folder: Path) -> None:
        """Fill the folder."""
        nothing = np.empty((0, 2), np.uint64)
        hashes = np.concatenate([nothing, *(np.load(at / "hashes.npy") for at in self.hashed)])
        alive = np.concatenate(
            [np.empty(0, bool), *(np.load(at / "alive.npy") for at in self.hashed)]
        )
        same_as = first_of_hashes(hashes[:, 0], alive)
        own = np.arange(len(same_as))
        unlike = hashes[same_as, 1] != hashes[:, 1]
        same_as[unlike] = own[unlike]
        np.save(folder / "same_as.npy", same_as)
        np.save(folder / "alive.npy", alive)
        np.save(folder / "searched.npy", np.flatnonzero(alive & (same_as == own)))
