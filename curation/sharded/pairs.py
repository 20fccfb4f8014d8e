"""All pairs of close rows of a matrix that does not fit in memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_choice, check_number
from thresher.core.executor import Executor
from thresher.core.fingerprint import fingerprint
from thresher.core.neighbors import Recall
from thresher.core.search.graph import CHEAP_ON_CPU, FEWEST_ROWS

from . import arrays
from .arrays import ShardedArray, blocks
from .edges import Edges, MergeRuns, check_rows
from .equal_rows import (
    EqualInRange,
    EqualRows,
    FindEqual,
    HashRows,
    buckets_for,
    content_of,
)
from .joining import CompareAll, Distribute, JoinGroup
from .kept import Kept
from .sampling import PARTITIONS, FindTruth, Sample, Tune, recall_of
from .work import Work, open_work

METHODS = ("auto", "exact", "partition")
RECALL = 0.995


@dataclass(frozen=True)
class NeighborPairs:
    """The pairs of close rows, on disk.

    Attributes
    ----------
    edges : Edges
        Pairs of first rows, each once.
    equal : Path
        Which rows equal which.
    content : str
        Fingerprint of all vectors.
    key : str
        Fingerprint of the content and of how it was searched.
    exact : bool
    recall : Recall or None
        Measured on the pairs that were found, when the search was not exact.
    method : str
        How it was searched and why, in a sentence.
    partition : tuple of Path, optional
        Folders of the partitions and of their margin.
    """

    edges: Edges
    equal: EqualRows
    content: str
    key: str
    exact: bool
    recall: Recall | None
    method: str
    partition: tuple[Path, Path] | None = None


def neighbor_pairs(
    vectors: ShardedArray,
    work_folder: str | os.PathLike[str],
    *,
    threshold: float,
    executor: str | Executor = "serial",
    workers: int | None = None,
    method: str = "auto",
    recall: float = RECALL,
    random_state: int = 0,
) -> NeighborPairs:
    """Find all pairs of rows with a cosine of at least `threshold`.

    The memory of one worker is bounded: it holds one range of 65,536 rows, the sample that the
    partitions are fitted on (128 √n rows), or one of about 2 ∜n groups of cells with the rows that
    look into it; and for each row a few numbers. The disk takes a copy of the vectors for each
    group that a row looks into, two to five in all, until the pairs are found, and 12 bytes a pair.

    Parameters
    ----------
    vectors : ShardedArray
        Unit length or zero; see `open_vectors`.
    work_folder : path
        Keeps what is done, so that a killed run goes on; safe to remove at the end.
    executor, workers
        See `get_executor`. The result does not depend on them, nor on how the rows are cut into
        files.
    method : {"auto", "exact", "partition"}
        ``"exact"`` compares all rows. ``"partition"`` compares the rows of nearby cells of a
        two-level partition. ``"auto"`` takes the exact one while that is cheap, by the rule of
        `neighbor_graph`.
    recall : float
        Share of the pairs, in (0, 1), that the partition is searched for; the share that was
        reached is measured.
    random_state : int
        Draws the partition and the sampled rows.

    Raises
    ------
    InputError
        On a bad option, NaN or infinite values, or 2³² rows; when another process works there.
    """
    with open_work(Path(work_folder), executor=executor, workers=workers) as work:
        return search(
            vectors,
            work,
            threshold=threshold,
            method=method,
            recall=recall,
            random_state=random_state,
        )


def search(
    vectors: ShardedArray,
    work: Work,
    *,
    threshold: float,
    method: str = "auto",
    recall: float = RECALL,
    random_state: int = 0,
    kept: Kept | None = None,
) -> NeighborPairs:
    """Do what `neighbor_pairs` does, in a work folder that is open.

    With rows that were decided on before, `kept`, pairs of two of these are not looked for, those
    of them that were not chosen are left out, and the rest is searched as they were.
    """
    check_number("threshold", threshold, low=0, high=1, low_open=True)
    check_choice("method", method, METHODS)
    if not 0 < recall < 1:
        raise InputError(f"`recall` must be between 0 and 1, got {recall!r}.")
    check_rows(len(vectors))
    equal, content = find_equal_rows(vectors, work, kept)
    if kept is not None:
        return _search_later(vectors, equal, content, work, kept=kept, threshold=threshold)
    count = int(equal.starts[-1])
    cost = count**2 * vectors.width / 2
    if method == "exact" or count < FEWEST_ROWS or (method == "auto" and cost <= CHEAP_ON_CPU):
        key = fingerprint([content, threshold, "exact"])
        edges = _Search(vectors, equal, threshold, recall, random_state).compare_all(work, key)
        reason = "asked for" if method == "exact" else f"{cost:.1e} multiply-adds are cheap"
        return NeighborPairs(edges, equal, content, key, True, None, f"exact: {reason}")
    key = fingerprint([content, threshold, recall, random_state])
    looking = _Search(vectors, equal, threshold, recall, random_state)
    sample, tuned = partition = looking.fit(work, key)
    edges = looking.join(work, key, *partition)
    measured, said = looking.measure(edges, *partition), looking.describe(sample, tuned)
    return NeighborPairs(edges, equal, content, key, False, measured, said, partition)


def _search_later(
    vectors: ShardedArray,
    equal: EqualRows,
    content: str,
    work: Work,
    *,
    kept: Kept,
    threshold: float,
) -> NeighborPairs:
    """Search later rows among themselves and the chosen ones before, as these were searched."""
    key = fingerprint([content, kept.key])
    looking = _Search(vectors, equal, threshold, RECALL, 0, decided=kept.rows)
    found, measured = kept.found, None
    if kept.partition is None:
        edges = looking.compare_all(work, key)
    else:
        edges = looking.join(work, key, *kept.partition)
        measured = Recall(*found["recall"])
    return NeighborPairs(
        edges, equal, content, key, found["exact"], measured, found["method"], kept.partition
    )


def find_equal_rows(
    vectors: ShardedArray, work: Work, kept: Kept | None = None
) -> tuple[EqualRows, str]:
    """Return which rows equal which, and a fingerprint of all vectors."""
    ranges, count = blocks(len(vectors)), buckets_for(len(vectors))
    known = () if kept is None else kept.hashed[: kept.rows // arrays.BLOCK_ROWS]
    left = dict(list(ranges.items())[len(known) :])
    hashed = known + work.do("hash", HashRows(vectors), key=vectors.stamp(), shards=left)
    content = content_of(hashed, vectors)
    buckets = {f"{at:06d}": at for at in range(count)}
    found = work.do("equal", FindEqual(hashed, count), key=[content, count], shards=buckets)
    places = {name: at for at, name in enumerate(ranges)}
    key = [content, count, None if kept is None else kept.key]
    equal = work.do("same", EqualInRange(hashed, found, kept), key=key, shards=places)
    return EqualRows(equal, arrays.BLOCK_ROWS, hashed), content


@dataclass(frozen=True)
class _Search:
    vectors: ShardedArray
    equal: EqualRows
    threshold: float
    recall: float
    random_state: int
    decided: int = 0

    def compare_all(self, work: Work, key: str) -> Edges:
        ranges = blocks(len(self.vectors))
        both = {
            f"{one}-{two}": (*ranges[one], *ranges[two])
            for one in ranges
            for two in ranges
            if one <= two and ranges[two][1] > self.decided
        }
        rows = len(self.vectors)
        task = CompareAll(self.vectors, self.equal, self.threshold, rows, self.decided)
        found = work.do("compare", task, key=key, shards=both)
        return self._merge(work, key, found)

    def fit(self, work: Work, key: str) -> tuple[Path, Path]:
        """Return the folders of `Sample` and of `Tune`."""
        ranges = blocks(len(self.vectors))
        seed = self.random_state
        (sample,) = work.do("sample", Sample(self.vectors, self.equal, seed), key=key)
        find_truth = FindTruth(self.vectors, self.equal, sample, self.threshold)
        truth = work.do("truth", find_truth, key=key, shards=ranges)
        tune = Tune(self.vectors, sample, truth, self.threshold, self.recall, seed)
        (tuned,) = work.do("tune", tune, key=key)
        return sample, tuned

    def join(self, work: Work, key: str, sample: Path, tuned: Path) -> Edges:
        ranges = blocks(len(self.vectors))
        found: list[Path] = []
        for at in range(PARTITIONS):
            spread = Distribute(self.vectors, self.equal, sample, tuned, at)
            spreading = work.task("distribute", spread, [key, at])
            home = sample / str(at)
            parts = tuple(spreading.outputs(ranges))
            join = JoinGroup(parts, home, self.threshold, len(self.vectors), self.decided)
            joining = work.task("join", join, [key, at])
            groups = range(len(np.load(home / "groups.npy", mmap_mode="r")))
            numbered = {f"{group:06d}": group for group in groups}
            if joining.missing(numbered):
                work.executor.map(spreading, ranges)
            found += work.executor.map(joining, numbered)
            spreading.discard()  # the copies of the vectors are most of the disk
        return self._merge(work, key, tuple(found))

    def _merge(self, work: Work, key: str, found: tuple[Path, ...]) -> Edges:
        parts = work.parts(len(self.vectors))
        task = MergeRuns(found, parts)
        ranges = blocks(len(self.vectors))
        folders = work.do("merge", task, key=[key, parts.size], shards=ranges)
        return Edges(folders, parts, work.part_blocks)

    def measure(self, edges: Edges, sample: Path, tuned: Path) -> Recall:
        rows = np.load(sample / "rows.npy")
        place, other = np.load(tuned / "checked.npy").T
        low, high = np.minimum(rows[place], other), np.maximum(rows[place], other)
        measured = recall_of(edges.holds(low, high), place, len(rows))
        checked = int((~np.load(sample / "tuning.npy")).sum())
        return Recall(measured.estimate, measured.low, measured.high, checked)

    def describe(self, sample: Path, tuned: Path) -> str:
        cells = len(np.load(sample / "0" / "cells.npy", mmap_mode="r"))
        margin = float(np.load(tuned / "margin.npy"))
        return (
            f"{PARTITIONS} partitions of about {counted(cells, 'cell')}, searched up to "
            f"{margin:.3f} below the nearest centroid"
        )
