"""Comparing rows: through a partition, whose groups of cells are joined one by one, or all.

`Distribute` copies each row to the groups that it looks into, so that `JoinGroup` reads its rows in
a few long pieces; the copies cost disk, not memory. Scores of candidate pairs are computed again in
float64, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.core.search.exhaustive import MARGIN, close_blocks, similarity
from thresher.core.search.hierarchy import visits

from .arrays import ShardedArray, read_rows
from .edges import RunWriter
from .equal_rows import EqualRows
from .sampling import read_partition

BLOCK_PRODUCTS = 1 << 22


@dataclass(frozen=True)
class Distribute:
    """Task over row ranges: who looks where, sorted by group of cells.

    Writes one entry for each row and group that it looks into (``rows.npy``, ``owners.npy``,
    ``vectors.npy``), one visit for each cell that an entry looks into (``visitors.npy``,
    ``visited.npy``), and ``bounds.npy``, int64 (groups + 1, 2), where the entries and the visits of
    each group start.
    """

    vectors: ShardedArray
    equal: EqualRows
    sample: Path
    tuned: Path
    at: int

    def __call__(self, rows: tuple[int, int], folder: Path) -> None:
        """Fill the folder."""
        here = self.equal.searched(rows)
        block = self.vectors.take(here)
        partition = read_partition(self.sample, self.at)
        margin = float(np.load(self.tuned / "margin.npy"))
        owner, row, cell = visits(block, partition, margin=margin)
        order = np.lexsort((row, cell))
        row, cell = row[order], cell[order]
        group = partition.group_of_cell[cell]
        entries, visitor = np.unique(group * np.int64(len(here) + 1) + row, return_inverse=True)
        entry_group, entry_row = np.divmod(entries, len(here) + 1)
        limits = np.arange(len(partition.groups) + 1)
        bounds = [np.searchsorted(entry_group, limits), np.searchsorted(group, limits)]
        np.save(folder / "rows.npy", here[entry_row].astype(np.uint32))
        np.save(folder / "owners.npy", owner[entry_row].astype(np.int32))
        np.save(folder / "vectors.npy", block[entry_row])
        np.save(folder / "visitors.npy", visitor.astype(np.int32))
        np.save(folder / "visited.npy", cell.astype(np.int32))
        np.save(folder / "bounds.npy", np.stack(bounds, axis=1))


@dataclass(frozen=True)
class JoinGroup:
    """Task over groups of cells: runs of the close pairs with a row in one of its cells.

    Pairs of two of the first `decided` rows are not looked for.
    """

    distributed: tuple[Path, ...]
    partition: Path
    threshold: float
    rows: int
    decided: int = 0

    def __call__(self, group: int, folder: Path) -> None:
        """Fill the folder."""
        starts = np.load(self.partition / "starts.npy")
        writer = RunWriter(folder, rows=self.rows)
        entries = _Entries.read(self.distributed, group)
        for searching, held in entries.meetings(int(starts[group]), int(starts[group + 1])):
            for first, second in self._close(entries, searching, held):
                scores = similarity(entries.vectors, entries.vectors, first, second)
                passed = scores >= np.float32(self.threshold)
                first, second = entries.rows[first[passed]], entries.rows[second[passed]]
                writer.add((first, second, scores[passed]))
        writer.flush()

    def _close(
        self, entries: _Entries, searching: np.ndarray, held: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        later = entries.rows[held] >= self.decided
        if later.all():
            yield from _close(entries, searching, held, self.threshold)
            return
        new = entries.rows[searching] >= self.decided
        for looking, found in ((searching[new], held), (searching[~new], held[later])):
            if len(looking) and len(found):
                yield from _close(entries, looking, found, self.threshold)


@dataclass(frozen=True)
class _Entries:
    """The rows in one group of cells, from all ranges of rows."""

    rows: np.ndarray
    owners: np.ndarray
    vectors: np.ndarray
    visitors: np.ndarray
    visited: np.ndarray

    @classmethod
    def read(cls, parts: tuple[Path, ...], group: int) -> _Entries:
        columns: dict[str, list[np.ndarray]] = {name: [] for name in cls.__dataclass_fields__}
        count = 0
        for part in parts:
            bounds = np.load(part / "bounds.npy", mmap_mode="r")
            (entry, visit), (last_entry, last_visit) = bounds[group : group + 2].tolist()
            for name in ("rows", "owners", "vectors"):
                columns[name].append(read_rows(part / f"{name}.npy", entry, last_entry))
            looking = read_rows(part / "visitors.npy", visit, last_visit)
            columns["visitors"].append(looking.astype(np.int64) - entry + count)
            columns["visited"].append(read_rows(part / "visited.npy", visit, last_visit))
            count += last_entry - entry
        return cls(**{name: np.concatenate(found) for name, found in columns.items()})

    def meetings(self, low: int, high: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield for each cell from `low` to `high` the entries that look and that live there."""
        by_cell = np.argsort(self.visited, kind="stable")
        by_owner = np.argsort(self.owners, kind="stable")
        cells = np.arange(low, high + 1)
        looks = np.searchsorted(self.visited[by_cell], cells)
        lives = np.searchsorted(self.owners[by_owner], cells)
        for at in range(high - low):
            searching = self.visitors[by_cell[looks[at] : looks[at + 1]]]
            held = by_owner[lives[at] : lives[at + 1]]
            if len(searching) > 1 and len(held):
                yield searching, held


def _close(
    entries: _Entries, searching: np.ndarray, held: np.ndarray, threshold: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield candidate pairs of entries; two rows of one cell meet once."""
    cut = np.float32(threshold - MARGIN)
    targets = entries.vectors[held].T
    native = entries.owners[searching] == entries.owners[held[0]]
    step = max(1, BLOCK_PRODUCTS // len(held))
    for start in range(0, len(searching), step):
        block = searching[start : start + step]
        hits = np.flatnonzero(entries.vectors[block] @ targets >= cut)
        row, column = np.divmod(hits, len(held))
        first, second = block[row], held[column]
        other = ~native[start : start + step][row] | (entries.rows[first] < entries.rows[second])
        if other.any():
            yield first[other], second[other]


@dataclass(frozen=True)
class CompareAll:
    """Task over pairs of row ranges: runs of all close pairs between the two.

    Pairs of two of the first `decided` rows are left out.
    """

    vectors: ShardedArray
    equal: EqualRows
    threshold: float
    rows: int
    decided: int = 0

    def __call__(self, ranges: tuple[int, int, int, int], folder: Path) -> None:
        """Fill the folder."""
        here, there = (self.equal.searched(span) for span in (ranges[:2], ranges[2:]))
        same = ranges[:2] == ranges[2:]
        left = self.vectors.take(here)
        right = None if same else self.vectors.take(there)
        writer = RunWriter(folder, rows=self.rows)
        cut = np.float32(self.threshold - MARGIN)
        for first, second in close_blocks(left, right, cut):
            scores = similarity(left, left if right is None else right, first, second)
            passed = scores >= np.float32(self.threshold)
            passed &= (here[first] >= self.decided) | (there[second] >= self.decided)
            writer.add((here[first[passed]], there[second[passed]], scores[passed]))
        writer.flush()
