"""Tasks that find windows of words which occur more than once in files of texts.

`ReadAnchors` and `RepeatedAnchors` say which anchors occur twice; `ReadWindows` keeps the windows
that have such an anchor, `RepeatedWindows` says which of these occur twice and where first;
`MarkSpans` goes through the texts a last time and writes the ranges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.key_filter import KeyFilter
from thresher.core.text_shards import TextShard
from thresher.core.word_hashes import WordHashes, hash_words, word_places

from ..text_files.ranges import joined_ranges
from ..text_files.seen import Sight
from .sorted_runs import RunWriter, first_of_each, rows_within
from .windows import windows_of

WINDOW = ("hash", "check", "place")
SPANS = pa.schema(
    [("row", pa.int64()), ("number", pa.int64()), ("start", pa.int64()), ("end", pa.int64()),
     ("words", pa.int64()), ("source_file", pa.int32()), ("source_place", pa.int64())]
)  # fmt: skip
TEXTS = pa.schema(
    [("row", pa.int64()), ("number", pa.int64()), ("words", pa.int64()),
     ("repeated", pa.int64()), ("spans", pa.int64())]
)  # fmt: skip
RANGES = pa.schema([("row", pa.int64()), ("start", pa.int64()), ("end", pa.int64())])


@dataclass(frozen=True)
class ReadAnchors:
    """Task over files: runs of anchors, what was seen, and ``words.npy``: words before each row."""

    n: int

    def __call__(self, shard: TextShard, folder: Path) -> None:
        """Read one file."""
        sight, writer = Sight(shard), RunWriter(folder, ("anchor",))
        counts = [np.zeros(1, np.int64)]
        for _, block in sight.blocks():
            words = hash_words(block.texts)
            counts.append(words.counts)
            writer.add(windows_of(words, self.n).occurrences())
        writer.flush()
        np.save(folder / "words.npy", np.cumsum(np.concatenate(counts)))
        sight.write(folder)


@dataclass(frozen=True)
class RepeatedAnchors:
    """Task over ranges of keys: ``keys.npy``, the anchors that occur twice, sorted."""

    read: tuple[Path, ...]

    def __call__(self, bounds: tuple[int, int], folder: Path) -> None:
        """Merge one range."""
        parts = [run for path in self.read for run in rows_within(path, ("anchor",), *bounds)]
        keys = np.concatenate([np.zeros(0, np.uint64), *(part[0] for part in parts)])
        many = np.concatenate([np.zeros(0, bool), *(part[1] for part in parts)])
        first, more, order = first_of_each(keys, None, many)
        np.save(folder / "keys.npy", keys[order][first][more])


@dataclass(frozen=True)
class JoinRanges:
    """Task over nothing: the columns of all ranges one behind the other, and a filter of keys."""

    parts: tuple[Path, ...]
    names: tuple[str, ...]

    def __call__(self, _: Any, folder: Path) -> None:
        """Join what the ranges have written."""
        for name in self.names:
            arrays = [np.load(path / f"{name}.npy", mmap_mode="r") for path in self.parts]
            joined = np.lib.format.open_memmap(
                folder / f"{name}.npy", "w+", arrays[0].dtype, (sum(map(len, arrays)),)
            )
            at = 0
            for array in arrays:
                joined[at : at + len(array)] = array
                at += len(array)
            joined.flush()
        keys = np.load(folder / "keys.npy", mmap_mode="r")
        np.save(folder / "filter.npy", KeyFilter.of(keys).bits)


@cache
def opened(folder: Path) -> KeyFilter:
    """Map sorted keys with their filter, once in each process."""
    keys, bits = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("keys", "filter"))
    return KeyFilter(keys, bits)


@dataclass(frozen=True)
class ReadWindows:
    """Task over files: runs of the windows that have an anchor which occurs twice."""

    n: int
    anchors: Path

    def __call__(self, shard: TextShard, folder: Path) -> None:
        """Read one file."""
        sight, writer = Sight(shard), RunWriter(folder, WINDOW, check=True)
        before = 0
        for _, block in sight.blocks():
            words = hash_words(block.texts)
            windows = windows_of(words, self.n)
            likely, _ = opened(self.anchors).find(windows.anchors)
            if len(likely):
                hashes = (words.runs(self.n, base=base)[1][likely] for base in (0, 1))
                writer.add(*hashes, windows.places[likely] + before)
            before += len(words.hashes)
        writer.flush()


@dataclass(frozen=True)
class RepeatedWindows:
    """Task over ranges of keys: windows that occur twice, and where they occur first."""

    read: tuple[Path, ...]

    def __call__(self, bounds: tuple[int, int], folder: Path) -> None:
        """Merge one range."""
        empty = [np.zeros(0, kind) for kind in (np.uint64, np.uint64, np.int64, bool, np.int32)]
        runs = [
            [*run, np.full(len(run[0]), file, np.int32)]
            for file, path in enumerate(self.read)
            for run in rows_within(path, WINDOW, *bounds)
        ]
        keys, checks, places, many, files = map(np.concatenate, zip(empty, *runs, strict=True))
        first, more, order = first_of_each(keys, checks, many)
        chosen = order[first[more]]
        for name, values in zip(FOUND, (keys, checks, files, places), strict=True):
            np.save(folder / f"{name}.npy", values[chosen])


FOUND = ("keys", "checks", "files", "places")


@dataclass(frozen=True)
class MarkSpans:
    """Task over files: ``spans.parquet``, ``texts.parquet`` and ``dropped.parquet``.

    Attributes
    ----------
    n : int
    found : Path
        Windows that occur twice.
    share : float
        Texts of which so much is repeated are those to drop.
    """

    n: int
    found: Path
    share: float

    def __call__(self, job: tuple[int, TextShard], folder: Path) -> None:
        """Go through one file."""
        file, shard = job
        sight, before = Sight(shard), 0
        names = (("spans", SPANS), ("texts", TEXTS), ("dropped", RANGES))
        writers = [pq.ParquetWriter(folder / f"{name}.parquet", schema) for name, schema in names]
        for first, block in sight.blocks():
            words = hash_words(block.texts)
            spans = self._spans(words, file, before)
            before += len(words.hashes)
            if not len(spans["place"]):
                continue
            spans |= _characters(block.texts, words, spans)
            rows = spans["row"]
            texts = _texts(words, spans)
            far = texts["repeated"] >= self.share * texts["words"]
            spans |= {"row": rows + first, "number": block.numbers[rows]}
            texts |= {"row": texts["row"] + first, "number": block.numbers[texts["row"]]}
            table = pa.table({name: spans[name] for name in SPANS.names}, schema=SPANS)
            dropped = table.select(RANGES.names).filter(
                pa.array(np.isin(spans["row"], texts["row"][far]))
            )
            for writer, each in zip(
                writers, (table, pa.table(texts).select(TEXTS.names), dropped), strict=True
            ):
                writer.write_table(each, row_group_size=max(1, len(each)))
        for writer in writers:
            writer.close()

    def _spans(self, words: WordHashes, file: int, before: int) -> dict[str, np.ndarray]:
        """Return windows in a row whose first occurrences are in a row too, joined."""
        places, hashes = words.runs(self.n)
        at, found = opened(self.found).find(hashes)
        arrays = {name: np.load(self.found / f"{name}.npy", mmap_mode="r") for name in FOUND[1:]}
        right = arrays["checks"][found] == words.runs(self.n, base=1)[1][at]
        at, found = at[right], found[right]
        source, origin = arrays["files"][found], arrays["places"][found]
        later = (source != file) | (origin != places[at] + before)
        window, source, origin = at[later], source[later], origin[later]
        place = places[window]
        row = words.owners[place]
        new = np.ones(len(place), bool)
        new[1:] = (
            (np.diff(place) != 1)
            | (np.diff(row) != 0)
            | (np.diff(source) != 0)
            | (np.diff(origin) != 1)
        )
        start = np.flatnonzero(new)
        count = np.diff(np.append(start, len(place)))
        back = np.where(source == file, place + before - origin, 0)[start]
        inside = (back > 0) & (place[start] - back >= words.indptr[row[start]])
        count = _periodic(hashes, window[start], count, np.where(inside, back, 0))
        start, count = start[count > 0], count[count > 0]
        return {
            "row": row[start],
            "place": place[start],
            "words": count + self.n - 1,
            "source_file": source[start],
            "source_place": origin[start],
        }


def _periodic(
    hashes: np.ndarray, window: np.ndarray, count: np.ndarray, back: np.ndarray
) -> np.ndarray:
    """Join pieces of one text that repeats itself over and over, whose windows all began first.

    Parameters
    ----------
    hashes : ndarray of uint64
        Of all windows.
    window, count : ndarray of int64, shape (s,)
        The first window of each piece, and how many it has.
    back : ndarray of int64, shape (s,)
        Windows back to its source; 0 where that is in another text.

    Returns
    -------
    ndarray of int64, shape (s,)
        Windows of each piece with those joined to it; 0 for these.
    """
    count = count.copy()
    last = 0
    for at in range(1, len(window)):
        first, size, step = int(window[at]), int(count[at]), int(back[last])
        follows = back[at] > 0 and step > 0 and first == window[last] + count[last]
        here = slice(first, first + size)
        if follows and (hashes[here] == hashes[first - step : first - step + size]).all():
            count[last] += size
            count[at] = 0
        else:
            last = at
    return count


def _characters(
    texts: Sequence[str], words: WordHashes, spans: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    starts, ends = np.empty_like(spans["place"]), np.empty_like(spans["place"])
    for row in np.unique(spans["row"]).tolist():
        here = spans["row"] == row
        begin, end = word_places(texts[row])
        first = spans["place"][here] - words.indptr[row]
        starts[here] = begin[first]
        ends[here] = end[first + spans["words"][here] - 1]
    return {"start": starts, "end": ends}


def _texts(words: WordHashes, spans: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return how many words of each text stand in spans, and how many spans there are."""
    row, start = spans["row"], spans["place"]
    keys, starts, ends = joined_ranges(row, start, start + spans["words"])
    rows, at = np.unique(keys, return_inverse=True)
    return {
        "row": rows,
        "words": words.counts[rows],
        "repeated": np.bincount(at, weights=ends - starts).astype(np.int64),
        "spans": np.unique(row, return_counts=True)[1],
    }
