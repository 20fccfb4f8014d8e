"""Sorting more rows than fit in memory, by keys of any columns: a sample sort over parts.

Each part is sorted alone; from evenly spaced keys of all parts come the limits of buckets, each of
which is read from all parts, sorted and counted; at last each part learns the places of its rows.
(Shi and Schaeffer, "Parallel sorting by regular sampling", 1992.) The outcome does not depend on
how rows are cut into parts.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from thresher.core.errors import InputError

from .arrays import read_rows
from .columns import Column, Parts, order_of, part_of, sorted_span
from .work import Work

SAMPLED = 1024
UNRANKED = 2**32 - 1
RANKED = np.dtype([("row", "<u4"), ("rank", "<u4")])


class Keys(Protocol):
    """What rows are sorted by."""

    def of_part(self, at: int) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Return some rows of a part, and the columns to sort them by, the first one first."""


@dataclass(frozen=True)
class Ranked:
    """Rows in the order of their keys, on disk.

    Attributes
    ----------
    buckets : tuple of Path
        With ``rows.npy``, rows in their order, and ``start.npy``, the place of the first.
    places : Column
        Of each row, uint32; `UNRANKED` for rows that have none.
    """

    buckets: tuple[Path, ...]
    places: Column

    @property
    def count(self) -> int:
        """How many rows have a place."""
        if not self.buckets:
            return 0
        last = self.buckets[-1]
        return int(np.load(last / "start.npy")) + len(np.load(last / "rows.npy", mmap_mode="r"))

    def rows_at(self, places: np.ndarray) -> np.ndarray:
        """Return the rows that stand at places, int64, shape (m,)."""
        found = np.empty(len(places), np.int64)
        starts = np.array([int(np.load(bucket / "start.npy")) for bucket in self.buckets])
        buckets = np.searchsorted(starts, places, side="right") - 1
        for at, here in part_of(buckets, 1):
            path = self.buckets[at] / "rows.npy"
            rows = read_rows(path, 0, len(np.load(path, mmap_mode="r")))
            found[here] = rows[places[here] - starts[at]]
        return found


def rank_rows_of(
    work: Work, name: str, keys: Keys, parts: Parts, *, key: Any, once: str | None = None
) -> Ranked:
    """Sort rows of all parts.

    Parameters
    ----------
    name : str
        Names the steps.
    key : JSON types
        All that the keys depend on.
    once : str, optional
        What an `InputError` says where two rows have the same key.
    """
    key, named = [key, parts.size], parts.named()
    run = work.do(f"{name}-sort", SortPart(keys), key=key, shards=named)
    (limits,) = work.do(f"{name}-limits", FindLimits(run), key=key)
    buckets = work.do(f"{name}-bucket", SortBucket(run, limits, once), key=key, shards=named)
    places = work.do(f"{name}-place", PlaceRows(buckets, parts), key=key, shards=named)
    return Ranked(buckets, Column(places, "rank", parts.size))


@dataclass(frozen=True)
class SortPart:
    """Task over parts: ``rows.npy`` and ``key-0.npy`` and on, sorted."""

    keys: Keys

    def __call__(self, at: int, folder: Path) -> None:
        """Fill the folder."""
        rows, columns = self.keys.of_part(at)
        order = _order(columns)
        np.save(folder / "rows.npy", rows[order].astype(np.uint32))
        for number, column in enumerate(columns):
            np.save(folder / f"key-{number}.npy", column[order])


def _order(columns: tuple[np.ndarray, ...]) -> np.ndarray:
    if len(columns) == 1:
        whole = columns[0].dtype.kind == "u"
        return order_of(columns[0]) if whole else np.argsort(columns[0], kind="stable")
    return np.lexsort(columns[::-1])


def _mapped(folder: Path) -> list[np.ndarray]:
    count = len(list(folder.glob("key-*.npy")))
    return [np.load(folder / f"key-{number}.npy", mmap_mode="r") for number in range(count)]


@dataclass(frozen=True)
class FindLimits:
    """Task for one shard: ``key-0.npy`` and on, the first key of each bucket but the first."""

    parts: tuple[Path, ...]

    def __call__(self, _: None, folder: Path) -> None:
        """Fill the folder."""
        sampled = [[column[:: _step(column)] for column in _mapped(part)] for part in self.parts]
        columns = tuple(np.concatenate(parts) for parts in zip(*sampled, strict=True))
        order = _order(columns) if columns else np.empty(0, np.int64)
        cuts = np.arange(1, len(self.parts)) * len(order) // max(1, len(self.parts))
        for number, column in enumerate(columns):
            np.save(folder / f"key-{number}.npy", column[order[cuts]] if len(order) else column)


def _step(column: np.ndarray) -> int:
    return max(1, len(column) // SAMPLED)


@dataclass(frozen=True)
class SortBucket:
    """Task over buckets: ``rows.npy``, ``start.npy`` and ``ranks.npy``, by row."""

    parts: tuple[Path, ...]
    limits: Path
    once: str | None

    def __call__(self, at: int, folder: Path) -> None:
        """Fill the folder."""
        limits = list(zip(*_mapped(self.limits), strict=True))
        rows, columns, start = [np.empty(0, np.uint32)], [], 0
        for part in self.parts:
            keys = _mapped(part)
            low, high = _bounds(keys, limits, at)
            start += low
            rows.append(read_rows(part / "rows.npy", low, high))
            columns.append([
                read_rows(part / f"key-{number}.npy", low, high) for number in range(len(keys))
            ])  # fmt: skip
        joined = tuple(np.concatenate(column) for column in zip(*columns, strict=True))
        order = _order(joined)
        ordered = np.concatenate(rows)[order]
        if self.once is not None:
            _check_once([column[order] for column in joined], ordered, self.once)
        table = np.empty(len(ordered), RANKED)
        by_row = order_of(ordered)
        table["row"], table["rank"] = ordered[by_row], start + by_row
        np.save(folder / "rows.npy", ordered)
        np.save(folder / "start.npy", np.int64(start))
        np.save(folder / "ranks.npy", table)


def _bounds(keys: list[np.ndarray], limits: list[tuple[Any, ...]], at: int) -> tuple[int, int]:
    """Return where a bucket starts and ends in sorted keys."""
    rows = range(len(keys[0]))

    def before(limit: tuple[Any, ...]) -> int:
        return bisect_left(rows, limit, key=lambda row: tuple(column[row] for column in keys))

    low = before(limits[at - 1]) if 0 < at <= len(limits) else (len(rows) if at else 0)
    return low, before(limits[at]) if at < len(limits) else len(rows)


def _check_once(columns: list[np.ndarray], rows: np.ndarray, once: str) -> None:
    same = np.ones(max(len(rows) - 1, 0), bool)
    for column in columns:
        same &= column[1:] == column[:-1]
    again = np.flatnonzero(same)
    if len(again):
        key = columns[0][again[0]]
        shown = key.decode() if isinstance(key, bytes) else key
        first, second = sorted(rows[again[0] : again[0] + 2].tolist())
        raise InputError(once.format(key=shown, first=first, second=second))


@dataclass(frozen=True)
class PlaceRows:
    """Task over parts: ``rank.npy``, uint32, the place of each row or `UNRANKED`."""

    buckets: tuple[Path, ...]
    parts: Parts

    def __call__(self, at: int, folder: Path) -> None:
        """Fill the folder."""
        start, stop = self.parts.span(at)
        rank = np.full(stop - start, UNRANKED, np.uint32)
        for bucket in self.buckets:
            path = bucket / "ranks.npy"
            table = read_rows(path, *sorted_span(path, "row", start, stop))
            rank[table["row"] - start] = table["rank"]
        np.save(folder / "rank.npy", rank)
