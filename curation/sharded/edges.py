"""Pairs of close rows on disk: written in sorted runs by many tasks, merged in ranges of rows.

A pair may be found by several tasks. Runs are sorted by ranges of the lower row, so that a range
can be merged with no more in memory than its own pairs, and the outcome does not depend on how many
runs there were or in which order they were written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.search.exhaustive import Pairs

from .arrays import read_rows
from .columns import Parts, order_of

MOST_ROWS = 2**32
RUN_PAIRS, MERGED_PAIRS = 1 << 21, 1 << 22
INDEX_ROWS = 1024
EDGE = np.dtype([("low", "<u4"), ("high", "<u4"), ("similarity", "<f4")])
NONE = np.empty(0, EDGE)
Triple = tuple[np.ndarray, np.ndarray, np.ndarray]


class RunWriter:
    """Collects pairs and writes them to a folder in runs by row, ``run-000000.npy`` and on.

    Parameters
    ----------
    folder : Path
    rows : int
        Of all data.
    held : int, optional
        Pairs to hold in memory at most, and what one `add` brings; default `RUN_PAIRS`.
    """

    def __init__(self, folder: Path, *, rows: int, held: int | None = None) -> None:
        self._folder = folder
        self._held = RUN_PAIRS if held is None else held
        self._ranges = -(-rows // INDEX_ROWS)
        self._waiting: list[np.ndarray] = []
        self._count = 0
        self._runs = 0

    def add(self, pairs: Pairs) -> None:
        """Take pairs of rows in any order."""
        edges = np.empty(len(pairs[0]), EDGE)
        edges["low"] = np.minimum(pairs[0], pairs[1])
        edges["high"] = np.maximum(pairs[0], pairs[1])
        edges["similarity"] = pairs[2]
        self._waiting.append(edges)
        self._count += len(edges)
        if self._count >= self._held:
            self.flush()

    def flush(self) -> None:
        """Write what waits as one run, with the place where each range of rows starts."""
        if not self._count:
            return
        run = np.concatenate(self._waiting)
        at = run["low"] // np.uint32(INDEX_ROWS)
        order = radix_order(at, self._ranges)
        run, starts = _taken(run, order), np.searchsorted(at[order], np.arange(self._ranges + 1))
        np.save(self._folder / f"run-{self._runs:06d}.npy", run)
        np.save(self._folder / f"starts-{self._runs:06d}.npy", starts)
        self._waiting, self._count, self._runs = [], 0, self._runs + 1


def radix_order(values: np.ndarray, limit: int) -> np.ndarray:
    """Return the stable order of whole numbers below `limit`, 16 bits at a time."""
    order = np.argsort(values.astype(np.uint16), kind="stable")
    if limit > 1 << 16:
        order = order[np.argsort((values[order] >> np.uint32(16)).astype(np.uint16), kind="stable")]
    return order


def _taken(edges: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return edges in an order; copied as rows of three numbers, in a quarter of the time."""
    numbers = edges.view(np.uint32).reshape(-1, 3)
    return np.take(numbers, order, axis=0).view(EDGE).ravel()


def _sorted_once(edges: np.ndarray) -> np.ndarray:
    """Sort pairs and leave out what is there again; a pair has the same similarity everywhere."""
    if not len(edges):
        return edges
    low, high = edges["low"] - edges["low"].min(), edges["high"]
    room = np.uint64(int(high.max()).bit_length())
    keys = low.astype(np.uint64) << room | high
    order = order_of(keys)
    ordered = keys[order]
    new = np.ones(len(keys), bool)
    new[1:] = ordered[1:] != ordered[:-1]
    return _taken(edges, order[new])


@dataclass(frozen=True)
class MergeRuns:
    """Task over ranges of rows: the pairs whose lower row is in it, each once.

    Writes them in files ``edges-000000.npy`` and on, of about `merged` pairs (default
    `MERGED_PAIRS`), or those of `INDEX_ROWS` rows where these have more. A file is sorted by the
    part of the higher row, then by both rows; ``cells-000000.npy`` says where each part starts.
    """

    found: tuple[Path, ...]
    parts: Parts
    merged: int | None = None

    def __call__(self, rows: tuple[int, int], folder: Path) -> None:
        """Fill the folder."""
        runs = [run for home in self.found for run in sorted(home.glob("run-*.npy"))]
        first, last = rows[0] // INDEX_ROWS, -(-rows[1] // INDEX_ROWS)
        index = [_index_of(run, first, last) for run in runs]
        total = np.sum(index, axis=0) if index else np.zeros(last - first + 1, np.int64)
        merged = MERGED_PAIRS if self.merged is None else self.merged
        start, number = 0, 0
        while start < last - first:
            full = int(np.searchsorted(total, total[start] + merged, side="right")) - 1
            stop = min(max(start + 1, full), last - first)
            parts = [
                read_rows(run, int(at[start]), int(at[stop]))
                for run, at in zip(runs, index, strict=True)
            ]
            self._save(_sorted_once(np.concatenate([NONE, *parts])), folder, number)
            start, number = stop, number + 1

    def _save(self, edges: np.ndarray, folder: Path, number: int) -> None:
        part = edges["high"] // np.uint32(self.parts.size)
        order = radix_order(part, len(self.parts))
        np.save(folder / f"edges-{number:06d}.npy", _taken(edges, order))
        cells = np.searchsorted(part[order], np.arange(len(self.parts) + 1))
        np.save(folder / f"cells-{number:06d}.npy", cells)


def _index_of(run: Path, first: int, last: int) -> np.ndarray:
    starts = np.load(run.with_name(run.name.replace("run", "starts")), mmap_mode="r")
    return np.array(starts[first : last + 1])


@dataclass(frozen=True)
class Edges:
    """All pairs, each once, by the parts that their two rows lie in.

    Attributes
    ----------
    folders : tuple of Path
        That `MergeRuns` filled, one for each range of rows.
    parts : Parts
    ranges : int
        How many of the folders are of one part.
    """

    folders: tuple[Path, ...]
    parts: Parts
    ranges: int

    def __iter__(self) -> Iterator[Triple]:
        """Yield (low, high, similarity), int64, int64 and float32, a bounded number at a time."""
        for path in self._files(self.folders):
            yield from _pieces(path, 0, len(np.load(path, mmap_mode="r")))

    def __len__(self) -> int:
        return sum(len(np.load(path, mmap_mode="r")) for path in self._files(self.folders))

    def cell(self, low: int, high: int) -> Iterator[Triple]:
        """Yield the pairs whose lower row is in one part and whose higher in another, as above."""
        for path in self._files(self.folders[low * self.ranges : (low + 1) * self.ranges]):
            bounds = np.load(path.with_name(path.name.replace("edges", "cells")), mmap_mode="r")
            yield from _pieces(path, int(bounds[high]), int(bounds[high + 1]))

    def touching(self, part: int) -> Iterator[tuple[int, Iterator[Triple]]]:
        """Yield each part, and the pairs of its rows with those of `part`: (own, other, score)."""
        for other in range(len(self.parts)):
            yield other, self._between(part, other)

    def _between(self, part: int, other: int) -> Iterator[Triple]:
        for low, high, scores in self.cell(min(part, other), max(part, other)):
            if part <= other:
                yield low, high, scores
            if other <= part:
                yield high, low, scores

    @staticmethod
    def _files(folders: tuple[Path, ...]) -> Iterator[Path]:
        return (path for folder in folders for path in sorted(folder.glob("edges-*.npy")))

    def holds(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return which of the given pairs are among them; bool, shape (m,)."""
        wanted = low << np.int64(32) | high
        found = [
            np.intersect1d(wanted, first << np.int64(32) | second) for first, second, _ in self
        ]
        return np.isin(wanted, np.concatenate([np.empty(0, np.int64), *found]))


def _pieces(path: Path, start: int, stop: int) -> Iterator[Triple]:
    for at in range(start, stop, RUN_PAIRS):
        block = read_rows(path, at, min(at + RUN_PAIRS, stop))
        low, high = block["low"].astype(np.int64), block["high"].astype(np.int64)
        yield low, high, np.ascontiguousarray(block["similarity"])


def check_rows(rows: int) -> None:
    """Refuse more rows than edges can name."""
    if rows >= MOST_ROWS:
        raise InputError(
            f"There are {counted(rows, 'row')}; one curation takes at most {MOST_ROWS - 1:,}."
        )
