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
        hit, found = index.known.find(hashes)
        places.append(at[hit])
        grams.append(found)
        sizes.append(np.full(len(hit), length))
    short = np.flatnonzero((words.counts > 0) & (words.counts < index.whole))
    hit, found = index.known.find(words.wholes(short))
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
