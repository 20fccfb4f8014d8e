"""Equal rows over many shards: hashes of 128 bits, sorted out into buckets that fit in memory.

Each range of rows hashes its rows and sorts the hashes, each once; a bucket is a range of hashes,
read from all ranges; each range then reads from all buckets which of its rows have an earlier
equal. However many rows are equal, a bucket holds each of them once a range. (A radix partition.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.files import read_json, write_json
from thresher.core.fingerprint import fingerprint
from thresher.core.search.identical import row_hashes

from .arrays import ShardedArray, read_rows
from .columns import Column, sorted_span
from .kept import Kept

BUCKET_ROWS, MOST_BUCKETS = 1 << 21, 1 << 12
ENTRY = np.dtype([("hash", "<u8"), ("other", "<u8"), ("row", "<u4"), ("copies", "<u4")])
MOVED = np.dtype([("row", "<u4"), ("first", "<u4")])
COPIED = np.dtype([("row", "<u4"), ("copies", "<u4")])


def buckets_for(rows: int) -> int:
    """Return into how many buckets the hashes of so many rows are cut, a power of two."""
    wanted = max(1, -(-rows // BUCKET_ROWS))
    return min(MOST_BUCKETS, 1 << (wanted - 1).bit_length())


@dataclass(frozen=True)
class HashRows:
    """Task over row ranges: what `FindEqual` and `EqualInRange` read.

    Writes ``entries.npy`` (each hash of the range once, sorted: its first row and how many have
    it), ``first.npy`` (the first equal row of the range), ``alive.npy`` (which rows are not zero),
    and ``content.json``, the rows' fingerprint.
    """

    vectors: ShardedArray

    def __call__(self, rows: tuple[int, int], folder: Path) -> None:
        """Fill the folder."""
        block = self.vectors.read(*rows)
        bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if len(bad):
            raise InputError(
                f"{counted(len(bad), 'vector holds', 'vectors hold')} NaN or infinite values, the "
                f"first at position {rows[0] + bad[0]}. Drop or repair them first."
            )
        parts = [row_hashes(block, seed=seed) for seed in (0, 1)]
        hashes, alive = np.stack([part[0] for part in parts], axis=1), parts[0][1]
        first, entries = _each_once(hashes, np.flatnonzero(alive), rows[0])
        np.save(folder / "entries.npy", entries)
        np.save(folder / "first.npy", first)
        np.save(folder / "alive.npy", alive)
        write_json(folder / "content.json", fingerprint(hashes))


def _each_once(hashes: np.ndarray, alive: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first equal row of each row of a range, and the entries of its first rows."""
    order = alive[np.lexsort((alive, hashes[alive, 1], hashes[alive, 0]))]
    ordered = hashes[order]
    new = np.ones(len(order), bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    begins = np.flatnonzero(new)
    first = np.arange(start, start + len(hashes), dtype=np.uint32)
    copies = np.diff(np.append(begins, len(order)))
    first[order] = np.repeat(first[order[begins]], copies)
    entries = np.empty(len(begins), ENTRY)
    entries["hash"], entries["other"] = ordered[begins].T
    entries["row"], entries["copies"] = first[order[begins]], copies
    return first, entries


@dataclass(frozen=True)
class FindEqual:
    """Task over buckets: ``moved.npy`` and ``copies.npy``, each sorted by row.

    The first holds the first rows of ranges that have an earlier equal, the second how many rows
    equal a first row, where that are several. Rows count as equal when two independent 64-bit
    hashes are; zero rows are equal to nothing.
    """

    hashed: tuple[Path, ...]
    buckets: int

    def __call__(self, bucket: int, folder: Path) -> None:
        """Fill the folder."""
        width = 2**64 // self.buckets
        low = bucket * width
        high = None if bucket + 1 == self.buckets else low + width
        parts = [np.empty(0, ENTRY)]
        for at in self.hashed:
            path = at / "entries.npy"
            parts.append(read_rows(path, *sorted_span(path, "hash", low, high)))
        entries = np.concatenate(parts)  # by range, so that of equal ones the first row comes first
        order = np.lexsort((entries["other"], entries["hash"]))
        entries = entries[order]
        new = np.ones(len(entries), bool)
        new[1:] = entries["hash"][1:] != entries["hash"][:-1]
        new[1:] |= entries["other"][1:] != entries["other"][:-1]
        begins = np.flatnonzero(new)
        first = np.repeat(entries["row"][begins], np.diff(np.append(begins, len(entries))))
        copies = np.add.reduceat(entries["copies"], begins) if len(begins) else begins
        several = copies > 1
        _save(folder / "moved.npy", MOVED, entries["row"][~new], first[~new])
        _save(folder / "copies.npy", COPIED, entries["row"][begins[several]], copies[several])


def _save(path: Path, kind: np.dtype, rows: np.ndarray, values: np.ndarray) -> None:
    table = np.empty(len(rows), kind)
    order = np.argsort(rows)
    table["row"], table[str((kind.names or ())[1])] = rows[order], values[order]
    np.save(path, table)


@dataclass(frozen=True)
class EqualInRange:
    """Task over row ranges, by place: what `EqualRows` reads.

    Writes ``same_as.npy``, uint32 (m,), the first row equal to each; ``copies.npy``, uint32 (m,),
    how many rows equal a first row, 0 for others; ``searched.npy``, uint32, the rows to search:
    first and not zero.
    """

    hashed: tuple[Path, ...]
    found: tuple[Path, ...]
    kept: Kept | None = None

    def __call__(self, at: int, folder: Path) -> None:
        """Fill the folder."""
        first, alive = (np.load(self.hashed[at] / f"{name}.npy") for name in ("first", "alive"))
        if len(first):
            start = int(first[0])  # no row of the range comes before its first
            own = np.arange(start, start + len(first), dtype=np.uint32)
            moved = self._slice("moved", start, start + len(first))
            target = own.copy()
            target[moved["row"] - start] = moved["first"]
            first = target[first - start]
            copies = (first == own).astype(np.uint32)
            several = self._slice("copies", start, start + len(first))
            copies[several["row"] - start] = several["copies"]
        else:
            own, copies = first, first
        np.save(folder / "same_as.npy", first)
        np.save(folder / "copies.npy", copies)
        searched = alive & (first == own)
        before = 0 if self.kept is None else max(self.kept.rows - int(own[0]) if len(own) else 0, 0)
        if self.kept is not None and before:  # of rows decided before, only chosen ones matter
            here = searched[:before]
            here &= self.kept.columns["chosen"].read(int(own[0]), int(own[0]) + len(here))
        np.save(folder / "searched.npy", own[searched])

    def _slice(self, name: str, start: int, stop: int) -> np.ndarray:
        parts = []
        for bucket in self.found:
            path = bucket / f"{name}.npy"
            parts.append(read_rows(path, *sorted_span(path, "row", start, stop)))
        return np.concatenate(parts)


@dataclass(frozen=True)
class EqualRows:
    """Which rows equal which, on disk; one folder for each range of rows.

    Attributes
    ----------
    folders : tuple of Path
        That `EqualInRange` filled.
    size : int
        Rows of a range.
    hashed : tuple of Path
        Folders that `HashRows` filled.
    """

    folders: tuple[Path, ...]
    size: int
    hashed: tuple[Path, ...] = ()

    @property
    def same_as(self) -> Column:
        """The first row that equals each row, as in `NeighborGraph`."""
        return Column(self.folders, "same_as", self.size)

    @property
    def copies(self) -> Column:
        """How many rows equal a first row; 0 for rows that are not first."""
        return Column(self.folders, "copies", self.size)

    @cached_property
    def starts(self) -> np.ndarray:
        """How many rows are searched before each range, and in all; int64 (ranges + 1,)."""
        counts = [len(np.load(at / "searched.npy", mmap_mode="r")) for at in self.folders]
        return np.concatenate([[0], np.cumsum(np.array(counts, np.int64))])

    def searched(self, rows: tuple[int, int]) -> np.ndarray:
        """Return the rows of one range, as `blocks` cuts it, that are searched; int64."""
        found: np.ndarray = np.load(self.folders[rows[0] // self.size] / "searched.npy")
        return found.astype(np.int64)

    def searched_at(self, places: np.ndarray) -> np.ndarray:
        """Return the rows at increasing places among all searched ones; int64."""
        cuts = np.searchsorted(places, self.starts)
        found = [
            np.load(folder / "searched.npy")[places[low:high] - start].astype(np.int64)
            for folder, start, low, high in zip(
                self.folders, self.starts.tolist(), cuts, cuts[1:], strict=False
            )
            if low < high
        ]
        return np.concatenate([np.empty(0, np.int64), *found])

    def groups(self) -> np.ndarray:
        """Return for all rows the first row that equals each, −1 for zero rows; int64, (n,)."""
        rows = sum(len(np.load(self.same_as.path(at), mmap_mode="r"))
                   for at in range(len(self.folders)))  # fmt: skip
        if not rows:
            return np.empty(0, np.int64)
        first = self.same_as.read(0, rows).astype(np.int64)
        alive = np.zeros(rows, bool)
        alive[self.searched_at(np.arange(self.starts[-1]))] = True
        return np.where(alive[first], first, -1)


def content_of(hashed: tuple[Path, ...], vectors: ShardedArray) -> str:
    """Return the fingerprint of all vectors."""
    contents = (read_json(part / "content.json") for part in hashed)
    return fingerprint([len(vectors), vectors.width, *contents])
