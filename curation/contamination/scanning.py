"""Look through files of texts for the sequences of an index: one task a file, in small memory.

`ScanFile` writes what stands where. `CountSequences` adds up in how many texts each sequence
stands, and in how many of these much of an item stands: sequences that stand in many texts and
mostly alone are boilerplate. `JudgeFile` leaves those out and says which rows hold which items.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.text_shards import Block, TextShard
from thresher.core.word_hashes import hash_words, word_places

from ..text_files.ranges import joined_ranges
from ..text_files.seen import Sight
from .index import BenchmarkIndex
from .matches import Matches, find_matches, held

# A text holds much of an item from this share of its sequences on.
MUCH = 0.5
HITS = pa.schema(
    [("row", pa.int64()), ("number", pa.int64()), ("gram", pa.int64()), ("start", pa.int64()),
     ("end", pa.int64())]
)  # fmt: skip
PASSAGES = pa.schema(
    [("row", pa.int64()), ("number", pa.int64()), ("item", pa.int64()),
     ("coverage", pa.float32()), ("start", pa.int64()), ("end", pa.int64())]
)  # fmt: skip


@cache
def opened(folder: str) -> BenchmarkIndex:
    """Return an index, mapped once in each process."""
    return BenchmarkIndex.load(folder)


@dataclass(frozen=True)
class ScanFile:
    """Task over files: ``hits.parquet``, ``counts.npz``, ``bad.parquet`` and ``seen.json``."""

    index: str

    def __call__(self, shard: TextShard, folder: Path) -> None:
        """Look through one file; one that cannot be read is said to be so in ``seen.json``."""
        index = opened(self.index)
        texts = np.zeros(len(index.grams), np.int32)
        deep = np.zeros(len(index.grams), np.int32)
        sight = Sight(shard)
        with pq.ParquetWriter(folder / "hits.parquet", HITS) as writer:
            for before, block in sight.blocks():
                hits, pairs, much = _scan(index, block, before)
                np.add.at(texts, pairs, 1)
                np.add.at(deep, much, 1)
                if len(hits):
                    writer.write_table(hits, row_group_size=len(hits))
        used = np.flatnonzero(texts)
        np.savez(folder / "counts.npz", grams=used, texts=texts[used], deep=deep[used])
        sight.write(folder)


def _scan(
    index: BenchmarkIndex, block: Block, before: int
) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """Return what stands where, the sequences once for each text, and those in deep company."""
    found = find_matches(index, words := hash_words(block.texts))
    if not len(found.rows):
        return HITS.empty_table(), found.grams, found.grams
    starts, ends = _characters(block.texts, found, words.indptr)
    hits = {
        "row": found.rows + before,
        "number": block.numbers[found.rows],
        "gram": found.grams,
        "start": starts,
        "end": ends,
    }
    pairs = np.unique(np.stack([found.rows, found.grams], axis=1), axis=0)
    row, item, share = held(index, pairs[:, 0], pairs[:, 1])
    items = len(index.sizes)
    most = (row * items + item)[share >= MUCH]
    place, owner = index.postings(pairs[:, 1])
    keys = pairs[place, 0] * items + owner
    much = np.zeros(len(pairs), bool)
    much[place[np.isin(keys, most)]] = True
    return pa.table(hits, schema=HITS), pairs[:, 1], pairs[much, 1]


def _characters(
    texts: Sequence[str], found: Matches, indptr: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return start and end of each match in the characters of its text."""
    starts = np.empty(len(found.rows), np.int64)
    ends = np.empty(len(found.rows), np.int64)
    cuts = np.flatnonzero(np.append(True, found.rows[1:] != found.rows[:-1]))
    for first, last in zip(cuts, np.append(cuts[1:], len(found.rows)), strict=True):
        row = found.rows[first]
        begin, end = word_places(texts[row])
        place = found.places[first:last] - indptr[row]
        starts[first:last] = begin[place]
        ends[first:last] = end[place + found.sizes[first:last] - 1]
    return starts, ends


@dataclass(frozen=True)
class CountSequences:
    """Task over all scanned files together: ``counts.npz``.

    ``grams`` are the sequences found, ``texts`` in how many texts, ``common`` whether they are
    boilerplate: they stand in `common` texts or more, most of which hold little of any item.
    """

    index: str
    scanned: tuple[Path, ...]
    common: int

    def __call__(self, _: Any, folder: Path) -> None:
        """Add up the counts of all files."""
        size = len(opened(self.index).grams)
        texts, deep = np.zeros(size, np.int64), np.zeros(size, np.int64)
        for path in self.scanned:
            with np.load(path / "counts.npz") as found:
                texts[found["grams"]] += found["texts"]
                deep[found["grams"]] += found["deep"]
        used = np.flatnonzero(texts)
        common = (texts >= self.common) & (2 * deep < texts)
        np.savez(folder / "counts.npz", grams=used, texts=texts[used], common=common[used])


@dataclass(frozen=True)
class JudgeFile:
    """Task over scanned files: ``passages.parquet``, one row for each passage of an item."""

    index: str
    counts: Path
    coverage: float

    def __call__(self, scanned: Path, folder: Path) -> None:
        """Judge the rows of one file."""
        index = opened(self.index)
        boilerplate, own = self._rules(index)
        with pq.ParquetWriter(folder / "passages.parquet", PASSAGES) as writer:
            for hits in _groups(scanned / "hits.parquet"):
                table = self._judged(index, hits, boilerplate, own)
                if len(table):
                    writer.write_table(table, row_group_size=len(table))

    def _rules(self, index: BenchmarkIndex) -> tuple[np.ndarray, np.ndarray]:
        boilerplate = np.zeros(len(index.grams), bool)
        with np.load(self.counts / "counts.npz") as found:
            boilerplate[found["grams"][found["common"]]] = True
        _, lost = index.postings(np.flatnonzero(boilerplate))
        return boilerplate, index.sizes - np.bincount(lost, minlength=len(index.sizes))

    def _judged(
        self, index: BenchmarkIndex, hits: pa.Table, boilerplate: np.ndarray, own: np.ndarray
    ) -> pa.Table:
        columns = {name: hits[name].to_numpy() for name in HITS.names}
        kept = ~boilerplate[columns["gram"]]
        columns = {name: values[kept] for name, values in columns.items()}
        row, item, share = held(index, columns["row"], columns["gram"], own=own)
        enough = share >= np.float32(self.coverage)
        keys, share = (row * len(own) + item)[enough], share[enough]
        place, owner = index.postings(columns["gram"])
        of_hit = columns["row"][place] * len(own) + owner
        wanted = np.isin(of_hit, keys)
        found = joined_ranges(
            of_hit[wanted], columns["start"][place[wanted]], columns["end"][place[wanted]]
        )
        rows, items = np.divmod(found[0], len(own))
        number = columns["number"][np.searchsorted(columns["row"], rows)]
        return pa.table(
            {
                "row": rows,
                "number": number,
                "item": items,
                "coverage": share[np.searchsorted(keys, found[0])],
                "start": found[1],
                "end": found[2],
            },
            schema=PASSAGES,
        )


def _groups(path: Path) -> Iterator[pa.Table]:
    """Yield the row groups of a file; each holds all matches of its rows."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group)
