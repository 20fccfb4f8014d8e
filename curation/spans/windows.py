"""Windows of n words of many texts, and which of them may occur twice.

The anchor of a window is the smallest hash of the runs of n // 2 words in it (winnowing: Schleimer,
Wilkerson and Aiken, "Winnowing: local algorithms for document fingerprinting", SIGMOD 2003). Equal
windows have equal anchors, and one anchor serves many windows that overlap: about 4 / n anchors for
each word are kept, so that windows which occur once need never be stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.word_hashes import WordHashes


@dataclass(frozen=True)
class Windows:
    """All windows of some words within one text.

    Attributes
    ----------
    places : ndarray of int64, shape (m,)
        The first word, counted over all texts.
    anchors : ndarray of uint64, shape (m,)
    origins : ndarray of int64, shape (m,)
        Which run of words the anchor is, rising.
    """

    places: np.ndarray
    anchors: np.ndarray
    origins: np.ndarray

    def occurrences(self) -> np.ndarray:
        """Return the anchor of each run of words that is one, uint64.

        Two equal windows have it at the same distance from their starts, thus twice.
        """
        new = np.ones(len(self.origins), bool)
        new[1:] = self.origins[1:] != self.origins[:-1]
        return self.anchors[new]


def windows_of(words: WordHashes, n: int) -> Windows:
    """Return the windows of `n` words of texts, with their anchors: O(words · log n)."""
    ends = np.repeat(words.indptr[1:], words.counts)
    places = np.flatnonzero(np.arange(len(ends)) + n <= ends)
    starts, hashes = words.runs(n // 2)
    if not len(places):
        return Windows(places, hashes[:0], places)
    at = np.zeros(len(ends), np.int64)
    at[starts] = np.arange(len(starts))
    origins = _first_lowest(hashes, n - n // 2 + 1)[at[places]]
    return Windows(places, hashes[origins], origins)


def _first_lowest(values: np.ndarray, width: int) -> np.ndarray:
    """Return where the lowest of each `width` neighbors is, the first of equal ones."""
    lowest, found, done = values, np.arange(len(values)), 1
    while done < width:
        step = min(done, width - done)
        later = lowest[step:] < lowest[:-step]
        found = np.where(later, found[step:], found[:-step])
        lowest = np.where(later, lowest[step:], lowest[:-step])
        done += step
    return found
