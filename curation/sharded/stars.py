"""Stars over pairs on disk: which rows stay, and which kept row each dropped one duplicates.

The same greedy maximal independent set as `curation.duplicates.stars`. The rows that have neighbors
are ranked by sorting them on disk; each pair becomes one number, its better rank before its worse
one; in the order of these numbers a row is decided before the pairs that it leads, so that one pass
over the sorted pairs and one byte for each ranked row in memory decide all. All else is done part
by part. Costs a sort of the rows and one of the pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import read_rows
from .columns import Column, Parts, part_of
from .edges import Edges
from .equal_rows import EqualRows
from .facts import FindHeads, Keys, RowFacts
from .kept import Kept
from .ordering import UNRANKED, Ranked, rank_rows_of
from .work import Work

SPAN_PAIRS, STEP_PAIRS, SAMPLED_PAIRS = 1 << 22, 1 << 18, 1 << 12
LOW = np.uint64(2**32 - 1)
HIGH = np.uint64(32)


@dataclass(frozen=True)
class Grouped:
    """What was decided of each row, as in `Stars`; one value a row.

    Attributes
    ----------
    kept : Column of bool
    duplicate_of : Column of int64
    similarity : Column of float32
    pairs : int
        Pairs that lead from a kept row.
    chosen : Column of bool
        Of first rows, whether one of those equal to them stays.
    target : Column of uint32
        Of first rows, the row that stands for them.
    score : Column of float32
        Of first rows, how similar that is.
    """

    kept: Column
    duplicate_of: Column
    similarity: Column
    pairs: int
    chosen: Column
    target: Column
    score: Column


def group_by_stars(
    edges: Edges,
    equal: EqualRows,
    facts: RowFacts,
    work: Work,
    *,
    key: Any,
    before: Kept | None = None,
) -> Grouped:
    """Group rows by stars, in the work folder; `key` is all that they depend on.

    What was decided `before` stays as it is.
    """
    parts, key = edges.parts, [key, edges.parts.size]
    named = parts.named()

    def columns(name: str, task: Any, *names: str) -> list[Column]:
        folders = work.do(name, task, key=key, shards=named)
        return [Column(folders, each, parts.size) for each in names]

    (head,) = columns("heads", FindHeads(equal, facts, parts), "head")
    (degree,) = columns("degrees", CountNeighbors(edges, equal), "degree")
    keys = VertexKeys(degree, head, facts, parts)
    ranked = rank_rows_of(work, "rank", keys, parts, key=key)
    runs = work.do("point", PointPairs(edges, ranked.places, head, facts), key=key, shards=named)
    (chosen_at,) = work.do("choose", ChooseRows(runs, ranked, parts, before), key=key)
    chosen = Column(tuple(chosen_at / name for name in named), "chosen", parts.size)
    closest = FindClosest(edges, chosen, ranked, head, facts.arrival, before)
    target, score = columns("closest", closest, "target", "score")
    group = GroupRows(equal, facts, chosen, target, score, parts)
    kept, twin, similarity = columns("stars", group, "kept", "duplicate_of", "similarity")
    pairs = int(np.load(chosen_at / "pairs.npy"))
    return Grouped(kept, twin, similarity, pairs, chosen, target, score)


@dataclass(frozen=True)
class CountNeighbors:
    """Task over parts: ``degree.npy``, uint32, neighbors of each row, equal rows counted.

    Rows without a pair have none.
    """

    edges: Edges
    equal: EqualRows

    def __call__(self, at: int, folder: Path) -> None:
        """Fill the folder."""
        start, stop = self.edges.parts.span(at)
        counts = np.zeros(stop - start, np.uint32)
        for other, pairs in self.edges.touching(at):
            low = self.edges.parts.span(other)[0]
            copies = None
            for own, others, _ in pairs:
                if copies is None:
                    copies = self.equal.copies.read(*self.edges.parts.span(other))
                np.add.at(counts, own - start, copies[others - low])
        equal = self.equal.copies.read(start, stop)
        np.save(folder / "degree.npy", np.where(counts > 0, counts + equal - 1, 0))


@dataclass(frozen=True)
class VertexKeys:
    """Rows with neighbors, in the order in which they are kept."""

    degree: Column
    head: Column
    facts: RowFacts
    parts: Parts

    def of_part(self, at: int) -> tuple[np.ndarray, Keys]:
        """Return the rows of a part that have neighbors, and what they are sorted by."""
        start, stop = self.parts.span(at)
        degree = self.degree.read(start, stop)
        rows = np.flatnonzero(degree)
        heads = self.head.read(start, stop)[rows].astype(np.int64)
        places = self.facts.places(heads).astype(np.uint64)
        if not self.facts.arrival:  # as few bits as there may be
            room = np.uint64(self.parts.rows.bit_length())
            places |= (LOW - degree[rows].astype(np.uint64)) << room
        return rows + start, (*self.facts.before(heads), places)


@dataclass(frozen=True)
class PointPairs:
    """Task over parts, of the lower row: ``run-000000.npy`` and on, sorted runs of pairs.

    A pair is a uint64, the better rank in its higher half and the worse one in its lower. Pairs
    whose worse row is kept in any case are left out.
    """

    edges: Edges
    rank: Column
    head: Column
    facts: RowFacts

    def __call__(self, at: int, folder: Path) -> None:
        """Fill the folder."""
        waiting: list[np.ndarray] = []
        runs = 0
        for pointing in self._pairs(at):
            waiting.append(pointing)
            if sum(map(len, waiting)) >= SPAN_PAIRS:
                _write_run(waiting, folder, runs)
                waiting, runs = [], runs + 1
        if waiting:
            _write_run(waiting, folder, runs)

    def _pairs(self, at: int) -> Iterator[np.ndarray]:
        parts = self.edges.parts
        start, first = parts.span(at)[0], self.rank.read(*parts.span(at))
        for other in range(at, len(parts)):
            base, second = parts.span(other)[0], None
            for low, high, _ in self.edges.cell(at, other):
                if second is None:
                    second = first if other == at else self.rank.read(*parts.span(other))
                yield self._point((low, high), (first[low - start], second[high - base]))

    def _point(
        self, rows: tuple[np.ndarray, np.ndarray], ranks: tuple[np.ndarray, np.ndarray]
    ) -> np.ndarray:
        better, worse = np.minimum(*ranks), np.maximum(*ranks)
        pairs: np.ndarray = better.astype(np.uint64) << HIGH | worse
        if self.facts.protect is None:
            return pairs
        loser = np.where(ranks[0] > ranks[1], *rows)
        forced = self.facts.protected(self.head.take(loser).astype(np.int64))
        left: np.ndarray = pairs[~forced]
        return left


def _write_run(waiting: list[np.ndarray], folder: Path, number: int) -> None:
    np.save(folder / f"run-{number:06d}.npy", np.sort(np.concatenate(waiting)))


@dataclass(frozen=True)
class ChooseRows:
    """Task for one shard: ``chosen.npy``, bool, in a folder for each part, and ``pairs.npy``.

    Memory: one byte for each row that has neighbors, and the pairs of a span.
    """

    folders: tuple[Path, ...]
    ranked: Ranked
    parts: Parts
    before: Kept | None

    def __call__(self, _: None, folder: Path) -> None:
        """Fill the folder."""
        blocked = bytearray(self.ranked.count)
        seen = np.frombuffer(blocked, np.uint8)
        runs = [run for home in self.folders for run in sorted(home.glob("run-*.npy"))]
        leading = 0
        for pairs in _in_order(runs):
            for start in range(0, len(pairs), STEP_PAIRS):
                leading += _block(pairs[start : start + STEP_PAIRS], blocked, seen)
        np.save(folder / "pairs.npy", np.int64(leading))
        for name, at in self.parts.named().items():
            rank = self.ranked.places.read(*self.parts.span(at))
            chosen = rank == UNRANKED
            chosen[~chosen] = seen[rank[~chosen]] == 0
            _restore(chosen, self.before, "chosen", at * self.parts.size)
            (folder / name).mkdir()
            np.save(folder / name / "chosen.npy", chosen)


def _restore(values: np.ndarray, before: Kept | None, name: str, start: int) -> None:
    """Put back the values of rows that were decided on before; `values` begin at row `start`."""
    if before is not None and start < before.rows:
        stop = min(start + len(values), before.rows)
        values[: stop - start] = before.columns[name].read(start, stop)


def _block(pairs: np.ndarray, blocked: bytearray, seen: np.ndarray) -> int:
    """Block the worse row of each pair whose better row is not; pairs are sorted.

    Where the better row is the worse one of none of these pairs, the order does not matter.
    Returns how many of the better rows are not blocked; no later pair changes that.
    """
    leading, worse = (pairs >> HIGH).astype(np.int64), (pairs & LOW).astype(np.int64)
    acts = (seen[leading] == 0) & (seen[worse] == 0)
    better, worse = leading[acts], worse[acts]
    seen[worse] = 2
    settled = seen[better] == 0
    seen[worse] = 0
    seen[worse[settled]] = 1
    acts = ~settled & (seen[better] == 0) & (seen[worse] == 0)
    for first, second in zip(better[acts].tolist(), worse[acts].tolist(), strict=True):
        if not blocked[first]:
            blocked[second] = 1
    return int((seen[leading] == 0).sum())


def _in_order(runs: list[Path]) -> Iterator[np.ndarray]:
    """Merge sorted runs of numbers, some at a time."""
    mapped = [np.load(run, mmap_mode="r") for run in runs]
    nothing = np.empty(0, np.uint64)
    sampled = np.sort(np.concatenate([nothing, *(m[::SAMPLED_PAIRS] for m in mapped)]))
    cuts = np.unique(sampled[:: max(1, SPAN_PAIRS // SAMPLED_PAIRS)])[1:]
    bounds = [np.concatenate([[0], np.searchsorted(m, cuts), [len(m)]]).tolist() for m in mapped]
    del mapped
    for at in range(len(cuts) + 1):
        pieces = [read_rows(run, b[at], b[at + 1]) for run, b in zip(runs, bounds, strict=True)]
        yield np.sort(np.concatenate([nothing, *pieces]))


@dataclass(frozen=True)
class FindClosest:
    """Task over parts: ``target.npy``, uint32, and ``score.npy``, float32, for each first row.

    Of a chosen one the head of its equals, and 1; of another one the head of the most similar
    chosen neighbor, ties by rank, and how similar. By arrival only rows that came before count.
    """

    edges: Edges
    chosen: Column
    ranked: Ranked
    head: Column
    arrival: bool
    before: Kept | None

    def __call__(self, at: int, folder: Path) -> None:
        """Fill the folder."""
        start, stop = self.edges.parts.span(at)
        chosen = self.chosen.read(start, stop)
        best = self._best(at, chosen)
        target, score = self.head.read(start, stop), np.ones(stop - start, np.float32)
        lost = np.flatnonzero(best)
        twins = self.ranked.rows_at((LOW - (best[lost] & LOW)).astype(np.int64))
        target[lost] = self.head.take(twins)
        score[lost] = (best[lost] >> HIGH).astype(np.uint32).view(np.float32)
        _restore(target, self.before, "target", start)
        _restore(score, self.before, "score", start)
        np.save(folder / "target.npy", target)
        np.save(folder / "score.npy", score)

    def _best(self, at: int, chosen: np.ndarray) -> np.ndarray:
        """Return for each row the bits of the highest similarity, then those of the best rank.

        Bits of positive floats are in the order of the floats.
        """
        parts = self.edges.parts
        start = parts.span(at)[0]
        own_rank = self.ranked.places.read(*parts.span(at))
        best = np.zeros(len(chosen), np.uint64)
        for other, pairs in self.edges.touching(at):
            low, there, rank = parts.span(other)[0], None, own_rank
            for own, others, scores in pairs:
                if there is None:
                    there = self.chosen.read(*parts.span(other))
                    rank = self.ranked.places.read(*parts.span(other))
                passed = ~chosen[own - start] & there[others - low]
                if self.arrival:
                    passed &= rank[others - low] < own_rank[own - start]
                own, others = own[passed] - start, others[passed] - low
                bits = scores[passed].view(np.uint32).astype(np.uint64) << HIGH
                np.maximum.at(best, own, bits | (LOW - rank[others]))
        return best


@dataclass(frozen=True)
class GroupRows:
    """Task over parts: ``kept.npy``, ``duplicate_of.npy`` and ``similarity.npy`` as in `Stars`."""

    equal: EqualRows
    facts: RowFacts
    chosen: Column
    target: Column
    score: Column
    parts: Parts

    def __call__(self, at: int, folder: Path) -> None:
        """Fill the folder."""
        start, stop = self.parts.span(at)
        own = np.arange(start, stop)
        first = self.equal.same_as.read(start, stop).astype(np.int64)
        chosen = np.empty(len(own), bool)
        target, score = np.empty(len(own), np.int64), np.empty(len(own), np.float32)
        for part, here in part_of(first, self.parts.size):
            base, stop_there = self.parts.span(part)
            rows = first[here] - base
            chosen[here] = self.chosen.read(base, stop_there)[rows]
            target[here] = self.target.read(base, stop_there)[rows]
            score[here] = self.score.read(base, stop_there)[rows]
        kept = self.facts.protected(own) | (chosen & (target == own))
        np.save(folder / "kept.npy", kept)
        np.save(folder / "duplicate_of.npy", np.where(kept, -1, target))
        np.save(folder / "similarity.npy", np.where(kept, np.float32(-1), score))
