"""Items of benchmarks told in other words: passages of texts whose vectors are close to an item's.

Sequences of words see no paraphrase. Here one, two and three sentences in a row are compared with
each item by the cosine of their mean word vectors. From which similarity on a passage counts is
learnt from what is found: the second text of an item that is in the corpus is a look-alike, and
tells how many of the first ones are (`chance_of_lookalikes`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.encoders.word_means import WordMeans, unit_means
from thresher.core.errors import InputError
from thresher.core.text_shards import Block, TextShard, read_blocks
from thresher.core.word_hashes import hash_words

from ..duplicates.thresholds import FAMILIES, UNSEEN, share_above
from .index import BenchmarkIndex
from .scanning import opened

PRECISION = 0.95
# Passages of fewer words say too little; passages of an item and file beyond so many, best first,
# are not kept; nor are those below the lowest level.
FEWEST_WORDS, KEPT = 4, 64
LEVELS = np.round(np.arange(0.6, 0.96, 0.01), 2)
SENTENCES = 3
CLOSE = pa.schema(
    [("row", pa.int64()), ("number", pa.int64()), ("item", pa.int64()),
     ("similarity", pa.float32()), ("start", pa.int64()), ("end", pa.int64())]
)  # fmt: skip
_END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+|\s*\n\s*|(?<=[。！？])")
_CELLS = 4_000_000


@dataclass(frozen=True)
class FindClose:
    """Task over files: ``close.parquet``, the passages closest to each item, best first."""

    index: str

    def __call__(self, shard: TextShard, folder: Path) -> None:
        """Go through one file."""
        vectors = _item_vectors(self.index)
        best = _Best(len(vectors))
        means, before = WordMeans(), 0
        for block in _readable(shard):
            for found in _close(block, vectors, best.floors, means):
                best.add({**found, "row": found["row"] + before})
            before += len(block.texts)
        pq.write_table(pa.table(best.sorted(), schema=CLOSE), folder / "close.parquet")


def _readable(shard: TextShard) -> Iterator[Block]:
    """Yield the blocks of a file up to where it breaks; the scan has said why."""
    try:
        yield from read_blocks(shard)
    except InputError:
        return


@cache
def _item_vectors(index: str) -> np.ndarray:
    """Return unit vectors of the items, zeros for those of few words."""
    items = opened(index).items
    vectors = WordMeans().encode(items["text"].to_pylist())
    vectors[items["words"].to_numpy() < FEWEST_WORDS] = 0
    return vectors


class _Best:
    """The closest passages of each item so far."""

    def __init__(self, items: int) -> None:
        self.floors = np.full(items, LEVELS[0], np.float32)
        self._found: dict[str, np.ndarray] = {
            item.name: np.zeros(0, item.type.to_pandas_dtype()) for item in CLOSE
        }
        self._most = 2 * KEPT * items + 10_000

    def add(self, found: dict[str, np.ndarray]) -> None:
        """Take what is as close as the best ones."""
        known = self._found
        self._found = {name: np.concatenate([known[name], found[name]]) for name in known}
        if len(self._found["row"]) > self._most:
            self._found = self.sorted()
            full = np.bincount(self._found["item"], minlength=len(self.floors)) == KEPT
            last = np.full(len(self.floors), LEVELS[0], np.float32)
            last[self._found["item"]] = self._found["similarity"]  # the last of each is its lowest
            self.floors = np.where(full, last, LEVELS[0]).astype(np.float32)

    def sorted(self) -> dict[str, np.ndarray]:
        """Return the best of each item, by item, similarity and row."""
        found = self._found
        order = np.lexsort((found["row"], -found["similarity"], found["item"]))
        item = found["item"][order]
        first = np.searchsorted(item, item)
        kept = order[np.arange(len(item)) - first < KEPT]
        return {name: values[kept] for name, values in found.items()}


def _close(
    block: Block, items: np.ndarray, floors: np.ndarray, means: WordMeans
) -> Iterator[dict[str, np.ndarray]]:
    """Yield, for each text and item, the passage of the text that is closest, if close enough."""
    rows, starts, ends, pieces = _sentences(block.texts)
    if not pieces:
        return
    words = hash_words(pieces)
    sums = means.sums(words)
    units = _passages(rows, sums, words.counts)
    first, last, vectors = units
    owner = rows[first]
    cuts = _row_cuts(owner, most=max(1, _CELLS // len(items)))
    for low, high in pairwise(cuts):
        similar = vectors[low:high] @ items.T
        here = owner[low:high]
        begin = np.flatnonzero(np.append(True, here[1:] != here[:-1]))
        highest = np.maximum.reduceat(similar, begin, axis=0)
        text, item = np.nonzero(highest >= floors)
        if not len(text):
            continue
        stop = np.append(begin[1:], len(here))
        at = np.array(
            [
                begin[t] + int(similar[begin[t] : stop[t], i].argmax())
                for t, i in zip(text.tolist(), item.tolist(), strict=True)
            ],
            np.int64,
        )
        row = here[at]
        yield {
            "row": row,
            "number": block.numbers[row],
            "item": item,
            "similarity": highest[text, item],
            "start": starts[first[low + at]],
            "end": ends[last[low + at]],
        }


def _sentences(
    texts: Sequence[str],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Return the text, start, end and words of each sentence."""
    rows, starts, ends, pieces = [], [], [], []
    for row, text in enumerate(texts):
        at = 0
        for cut in [*(found.span() for found in _END.finditer(text)), (len(text), len(text))]:
            if cut[0] > at:
                rows.append(row)
                starts.append(at)
                ends.append(cut[0])
                pieces.append(text[at : cut[0]])
            at = cut[1]
    return np.array(rows, np.int64), np.array(starts, np.int64), np.array(ends, np.int64), pieces


def _passages(
    rows: np.ndarray, sums: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return first and last sentence, and the vector, of passages of some words, by text."""
    firsts, lasts, vectors = [], [], []
    total, words = sums, counts
    for more in range(SENTENCES):
        if more:
            total, words = total[:-1] + sums[more:], words[:-1] + counts[more:]
        size = len(rows) - more
        kept = np.flatnonzero((words >= FEWEST_WORDS) & (rows[:size] == rows[more:]))
        firsts.append(kept)
        lasts.append(kept + more)
        vectors.append(unit_means(total[kept]))
        if size == 1:
            break
    first, last = np.concatenate(firsts), np.concatenate(lasts)
    order = np.lexsort((last, first))
    return first[order], last[order], np.concatenate(vectors)[order]


def _row_cuts(owner: np.ndarray, *, most: int) -> list[int]:
    """Return where to cut passages into parts of about `most`, never within a text."""
    cuts = [0]
    for place in (np.flatnonzero(owner[1:] != owner[:-1]) + 1).tolist():
        if place - cuts[-1] >= most:
            cuts.append(place)
    return [*cuts, len(owner)] if len(owner) else cuts


@dataclass(frozen=True)
class LearnLevel:
    """Task over nothing: ``level.json``, from which similarity on passages count.

    Attributes
    ----------
    index : str
    close, judged : tuple of Path
        What `FindClose` and `JudgeFile` have written for each file.
    """

    index: str
    close: tuple[Path, ...]
    judged: tuple[Path, ...]

    def __call__(self, _: Any, folder: Path) -> None:
        """Learn from the two closest texts of each item that do not hold its words."""
        items = np.flatnonzero((_item_vectors(self.index) != 0).any(axis=1))
        top = np.zeros((2, len(opened(self.index).sizes)), np.float32)
        for pair in zip(self.close, self.judged, strict=True):
            table = close_only(*pair, opened(self.index))
            item, similar = table["item"].to_numpy(), table["similarity"].to_numpy()
            # Copies of one passage are as similar: they are no family of look-alikes.
            new = np.append(True, (np.diff(item) != 0) | (np.diff(similar) != 0))[: len(item)]
            item, similar = item[new], similar[new]
            place = np.arange(len(item)) - np.searchsorted(item, item)
            for nth in (0, 1):
                found = np.zeros(top.shape[1], np.float32)
                found[item[place == nth]] = similar[place == nth]
                top = _two_highest(top, found)
        level = learnt_level(top[0, items], top[1, items])
        (folder / "level.json").write_text(json.dumps(level), encoding="utf-8")


@dataclass(frozen=True)
class JoinPassages:
    """Task over files: ``told.parquet``, passages above the level, and ``ranges.parquet``, all."""

    index: str
    level: Path

    def __call__(self, job: tuple[Path, Path], folder: Path) -> None:
        """Join both kinds of one file."""
        close, judged = job
        level = read_level(self.level)["level"]
        told = close_only(close, judged, opened(self.index))
        least = np.float32(2 if level is None else level)
        told = told.filter(pa.array(told["similarity"].to_numpy() >= least))
        order = np.lexsort((told["item"].to_numpy(), told["row"].to_numpy()))
        told = told.take(pa.array(order))
        pq.write_table(told, folder / "told.parquet", row_group_size=max(1, len(told)))
        names = ["row", "start", "end"]
        words = pq.read_table(judged / "passages.parquet", columns=names)
        pq.write_table(pa.concat_tables([words, told.select(names)]), folder / "ranges.parquet")


def read_level(folder: Path) -> dict[str, Any]:
    """Return what `LearnLevel` has written."""
    level: dict[str, Any] = json.loads((folder / "level.json").read_bytes())
    return level


def _two_highest(top: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Return the highest of three numbers and the next that differs from it, float32 (2, items)."""
    found = np.concatenate([top, more[None]])
    first = found.max(axis=0)
    return np.stack([first, np.where(found < first, found, 0).max(axis=0)])


def chance_of_lookalikes(first: np.ndarray, second: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the share of items whose closest text is a mere look-alike, at or above each level.

    Let a share p of the items be in the corpus in other words, and q of all items have a look-alike
    at a level. Then f = p + (1 - p) q have a first text there. Of those in the corpus the second
    text is their look-alike, of the others the second of a family, which q^(3/2) have (the exponent
    of `chance_by_families`): s = p q + (1 - p) q^(3/2) have a second text. Both are solved for q by
    bisection, with a deviation more in s than was seen; (1 - p) q are look-alikes.

    Parameters
    ----------
    first, second : ndarray of float, shape (n,)
    levels : ndarray of float, shape (m,)

    Returns
    -------
    ndarray of float64, shape (m,)
    """
    found = share_above(first, levels)
    again = _second_share(second, levels)
    low, high = np.zeros(len(levels)), found.astype(np.float64)
    for _ in range(40):
        q = (low + high) / 2
        planted = (found - q) / np.maximum(1 - q, 1e-9)
        more = planted * q + (1 - planted) * q ** (1 / FAMILIES) < again
        low, high = np.where(more, q, low), np.where(more, high, q)
    return np.asarray((1 - (found - high) / np.maximum(1 - high, 1e-9)) * high)


def _second_share(second: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the share of items with a second text at each level, one deviation up."""
    count = share_above(second, levels) * len(second)
    return np.asarray(np.minimum((count + np.sqrt(count) + UNSEEN) / len(second), 1))


def learnt_level(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    """Return the lowest level with the expected precision, and that precision.

    Parameters
    ----------
    first, second : ndarray of float32, shape (items,)
        Similarity of the closest text of each item, and of the next.

    Returns
    -------
    dict
        ``level`` is None where none has it; ``precision`` is then the highest there is.
    """
    if not len(first):
        return {"level": None, "precision": 0.0, "texts": 0}
    found = share_above(first, LEVELS)
    chance = chance_of_lookalikes(first, second, LEVELS)
    # Second texts are reported too, and are all taken to be look-alikes.
    pairs = found + _second_share(second, LEVELS)
    precision = np.where(found > 0, (found - chance) / np.maximum(pairs, 1e-9), 0)
    enough = np.flatnonzero(precision >= PRECISION)
    at = int(enough[0]) if len(enough) else int(precision.argmax())
    return {
        "level": float(LEVELS[at]) if len(enough) else None,
        "precision": round(max(0.0, float(precision[at])), 4),
        "texts": round(float(found[at]) * len(first)),
    }


def close_only(close: Path, judged: Path, index: BenchmarkIndex) -> pa.Table:
    """Return the close passages of a file, less those in texts that hold words of the item."""
    table = pq.read_table(close / "close.parquet")
    known = pq.read_table(judged / "passages.parquet", columns=["row", "item"])
    items = len(index.sizes)
    keys = [each["row"].to_numpy() * items + each["item"].to_numpy() for each in (table, known)]
    return table.filter(pa.array(~np.isin(keys[0], keys[1])))
