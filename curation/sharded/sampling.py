"""The partitions of a search over many shards, and the recall that they will have.

Pairs that one partition cuts apart are mostly together in another one, drawn anew: two of them with
a narrow margin find more, for less, than one with a wide margin. All is decided on sampled rows
before anything is searched: their true neighbors are found exhaustively, one part of the sample
sets the margin, and the other part measures its recall.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.core.embeddings import unit_length
from thresher.core.interval import wilson_interval
from thresher.core.neighbors import Recall
from thresher.core.search.exhaustive import pairs_above
from thresher.core.search.hierarchy import Hierarchy, fit_hierarchy, margins_needed
from thresher.core.search.recall import measured_recall

from .arrays import ShardedArray
from .equal_rows import EqualRows

PARTITIONS = 2
CELLS_PER_ROOT = 4
ROWS_PER_CELL = 32
TUNING_ROWS, CHECKED_ROWS = 500, 1000
PLANTED_ROWS, ENOUGH_ROWS = 2000, 100
# Of a sampled row, so many neighbors in each range of rows, and in all, are looked at.
MOST_IN_RANGE, MOST_IN_ALL = 200, 50
QUERIES = 256
WIDER, WIDEST = 1.5, 0.6


@dataclass(frozen=True)
class Sample:
    """Task for one shard: the partitions, and the rows that set their margin and measure recall.

    Writes a folder for each partition (``groups.npy``, ``cells.npy``, ``starts.npy``), and of the
    sampled rows ``rows.npy`` (positions), ``vectors.npy`` and ``tuning.npy`` (which set the margin;
    the others measure the recall).
    """

    vectors: ShardedArray
    equal: EqualRows
    random_state: int

    def __call__(self, _: None, folder: Path) -> None:
        """Fill the folder."""
        rows = int(self.equal.starts[-1])
        rng = np.random.default_rng(self.random_state)
        cells = max(1, min(int(CELLS_PER_ROOT * np.sqrt(rows)), rows // 8))
        chosen = np.sort(rng.choice(rows, min(rows, ROWS_PER_CELL * cells), replace=False))
        seen = self.vectors.take(self.equal.searched_at(chosen))
        for at in range(PARTITIONS):
            _write_partition(fit_hierarchy(seen, cells=cells, rng=rng), folder / str(at))
        checked = rng.choice(rows, min(rows, TUNING_ROWS + CHECKED_ROWS), replace=False)
        sampled = self.equal.searched_at(np.sort(checked))
        np.save(folder / "rows.npy", sampled)
        np.save(folder / "tuning.npy", _half(len(sampled), rng))
        np.save(folder / "vectors.npy", self.vectors.take(sampled))


def _half(rows: int, rng: np.random.Generator) -> np.ndarray:
    tuning = np.zeros(rows, bool)
    tuning[rng.permutation(rows)[: rows // (1 + CHECKED_ROWS // TUNING_ROWS)]] = True
    return tuning


def _write_partition(partition: Hierarchy, folder: Path) -> None:
    folder.mkdir()
    for name in _PARTS:
        np.save(folder / f"{name}.npy", getattr(partition, name))


def read_partition(sample: Path, at: int) -> Hierarchy:
    """Read one of the partitions that `Sample` wrote."""
    return Hierarchy(*(np.load(sample / str(at) / f"{name}.npy") for name in _PARTS))


_PARTS = ("groups", "cells", "starts")


@dataclass(frozen=True)
class FindTruth:
    """Task over row ranges: ``pairs.npy``, int64 (m, 2), the true neighbors of sampled rows.

    Pairs are (place in the sample, row), the most similar of each sampled row if there are many.
    """

    vectors: ShardedArray
    equal: EqualRows
    sample: Path
    threshold: float

    def __call__(self, rows: tuple[int, int], folder: Path) -> None:
        """Fill the folder."""
        here = self.equal.searched(rows)
        block, own = self.vectors.take(here), np.load(self.sample / "rows.npy")
        queries = np.load(self.sample / "vectors.npy")
        parts = [
            _nearest(queries[start : start + QUERIES], block, self.threshold) + np.array([start, 0])
            for start in range(0, len(queries), QUERIES)
        ]
        place, column = np.concatenate([np.empty((0, 2), np.int64), *parts]).T
        other = own[place] != here[column]
        np.save(folder / "pairs.npy", np.stack([place[other], here[column[other]]], axis=1))


def _nearest(queries: np.ndarray, block: np.ndarray, threshold: float) -> np.ndarray:
    """Return (query, column) of the close pairs, the most similar of each query if many."""
    first, second, scores = pairs_above(queries, block, threshold=threshold)
    order = np.lexsort((second, -scores, first))
    first, second = first[order], second[order]
    near = _place_in_group(first) < MOST_IN_RANGE
    return np.stack([first[near], second[near]], axis=1)


def _place_in_group(sorted_groups: np.ndarray) -> np.ndarray:
    return np.arange(len(sorted_groups)) - np.searchsorted(sorted_groups, sorted_groups)


@dataclass(frozen=True)
class Tune:
    """Task for one shard: ``margin.npy``, and ``checked.npy``, the true pairs to measure with."""

    vectors: ShardedArray
    sample: Path
    truth: tuple[Path, ...]
    threshold: float
    recall: float
    random_state: int

    def __call__(self, _: None, folder: Path) -> None:
        """Fill the folder."""
        rng = np.random.default_rng(self.random_state)
        partitions = [read_partition(self.sample, at) for at in range(PARTITIONS)]
        place, row = self._pairs(rng)
        queries = np.load(self.sample / "vectors.npy")
        unique, inverse = np.unique(row, return_inverse=True)
        first, second = queries[place], self.vectors.take(unique)[inverse]
        tuning = np.load(self.sample / "tuning.npy")[place]
        needed = _needed((first[tuning], second[tuning]), partitions)
        if len(np.unique(place[tuning])) < ENOUGH_ROWS:
            planted = _planted(queries, self.threshold, rng)
            needed = np.concatenate([needed, _needed(planted, partitions)])
        margin = _quantile(needed, self.recall)
        check = ~tuning
        needed = _needed((first[check], second[check]), partitions)
        while margin < WIDEST and _falls_short(needed <= margin, self.recall):
            margin = WIDER * margin + 0.01
        np.save(folder / "margin.npy", np.float64(min(margin, WIDEST)))
        np.save(folder / "checked.npy", np.stack([place[check], row[check]], axis=1))

    def _pairs(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return (place in the sample, row), at most `MOST_IN_ALL` of each sampled row."""
        nothing = np.empty((0, 2), np.int64)
        pairs = np.concatenate([nothing, *(np.load(part / "pairs.npy") for part in self.truth)])
        pairs = pairs[np.lexsort((rng.random(len(pairs)), pairs[:, 0]))]
        pairs = pairs[_place_in_group(pairs[:, 0]) < MOST_IN_ALL]
        return pairs[:, 0], pairs[:, 1]


def _needed(pair: tuple[np.ndarray, np.ndarray], partitions: list[Hierarchy]) -> np.ndarray:
    """Return the least margin at which one of the partitions finds each pair of rows.

    Pairs that no margin finds are left out: they must not widen it.
    """
    needed = np.min([margins_needed(*pair, one) for one in partitions], axis=0)
    return np.asarray(needed[np.isfinite(needed)])


def _planted(
    rows: np.ndarray, threshold: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and copies turned towards other rows, down to the threshold.

    They stand in where the sample holds few true pairs.
    """
    first = rows[rng.integers(len(rows), size=PLANTED_ROWS)]
    other = rows[rng.integers(len(rows), size=PLANTED_ROWS)].astype(np.float64)
    along = other - np.einsum("ij,ij->i", other, first)[:, None] * first
    length = np.linalg.norm(along, axis=1)
    apart = length > 1e-6
    first, along = first[apart], along[apart] / length[apart, None]
    cosine = rng.uniform(threshold, 1, (len(first), 1))
    return first, unit_length(cosine * first + np.sqrt(1 - cosine**2) * along)


def _falls_short(found: np.ndarray, recall: float) -> bool:
    """Return whether more pairs are missed than chance explains; few pairs prove little."""
    return bool(wilson_interval(float(found.sum()), max(1, len(found)))[1] < recall)


def _quantile(needed: np.ndarray, recall: float) -> float:
    """Return the margin that all but a few of these pairs need."""
    if not len(needed):
        return 0.0
    return float(np.quantile(needed, recall, method="inverted_cdf"))


def recall_of(found: np.ndarray, place: np.ndarray, rows: int) -> Recall:
    """Return the recall over sampled rows, given which of their true pairs were found."""
    true = np.bincount(place, minlength=rows)
    return measured_recall(np.bincount(place[found], minlength=rows), true)
