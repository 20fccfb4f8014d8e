"""Where the sequences of an index stand in texts, and how much of an item a text holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.word_hashes import WordHashes

from .index import BenchmarkIndex


@dataclass(frozen=True)
class Matches:
    """Sequences of an index found in texts, in the order of their places.

    Attributes
    ----------
    rows : ndarray of int64, shape (h,)
        The text.
    places, sizes : ndarray of int64, shape (h,)
        The first of its words, counted over all texts, and how many.
    grams : ndarray of int64, shape (h,)
        Which sequence of the index.
    """

    rows: np.ndarray
    places: np.ndarray
    sizes: np.ndarray
    grams: np.ndarray


def find_matches(index: BenchmarkIndex, words: WordHashes) -> Matches:
    """Look for all sequences of an index in texts: O(words · different lengths of short items)."""
    places, sizes, grams = [], [], []
    for length in index.lengths:
        at, hashes = words.runs(length)
        hit, found = index.find(hashes)
        places.append(at[hit])
        grams.append(found)
        sizes.append(np.full(len(hit), length))
    short = np.flatnonzero((words.counts > 0) & (words.counts < index.whole))
    hit, found = index.find(words.wholes(short))
    places.append(words.indptr[short[hit]])
    grams.append(found)
    sizes.append(words.counts[short[hit]])
    place, size = np.concatenate(places), np.concatenate(sizes)
    order = np.lexsort((size, place))
    place = place[order]
    return Matches(words.owners[place], place, size[order], np.concatenate(grams)[order])


def held(
    index: BenchmarkIndex, rows: np.ndarray, grams: np.ndarray, *, own: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row, item and the share of the item's sequences that the row holds, for all > 0.

    Parameters
    ----------
    index : BenchmarkIndex
    rows, grams : ndarray of int64, shape (h,)
        Sequences found, of which each counts once for a row.
    own : ndarray of int64, shape (items,), optional
        How many sequences of an item count; default all.
    """
    own = index.sizes if own is None else own
    pairs = np.unique(np.stack([rows, grams], axis=1), axis=0) if len(rows) else np.empty((0, 2))
    pairs = pairs.astype(np.int64)
    place, item = index.postings(pairs[:, 1])
    keys, counts = np.unique(pairs[place, 0] * len(own) + item, return_counts=True)
    row, which = np.divmod(keys, len(own))
    return row, which, (counts / np.maximum(own[which], 1)).astype(np.float32)


def joined_ranges(
    keys: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join ranges of one key that overlap or touch; return keys, starts, ends, in their order."""
    if not len(keys):
        return keys, starts, ends
    order = np.lexsort((ends, starts, keys))
    keys, starts, ends = keys[order], starts[order], ends[order]
    # Shifting each key's ranges past those of the key before lets one running maximum do for all.
    group = np.cumsum(np.append(False, keys[1:] != keys[:-1]))
    shift = group * (int(ends.max()) + 1)
    reach = np.maximum.accumulate(ends + shift)
    new = np.ones(len(keys), bool)
    new[1:] = (group[1:] != group[:-1]) | (starts[1:] + shift[1:] > reach[:-1])
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(keys)) - 1
    return keys[first], starts[first], reach[last] - shift[last]
