"""Shingles: a text as the set of its word or character n-grams, hashed to 64 bits, in numpy."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from thresher.core.numerics.hashing import splitmix64
from thresher.core.numerics.ragged import positions

WORDS = re.compile(r"\w+")


@dataclass(frozen=True)
class Shingles:
    """Hashed n-grams of texts, each text's sorted and without repeats.

    Attributes
    ----------
    hashes : ndarray of uint64, shape (m,)
    indptr : ndarray of int64, shape (n + 1,)
        Text i has ``hashes[indptr[i]:indptr[i + 1]]``.
    """

    hashes: np.ndarray
    indptr: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """Number of different shingles of each text; int64, shape (n,)."""
        return np.diff(self.indptr)

    @property
    def owners(self) -> np.ndarray:
        """Text of each shingle; int64, shape (m,)."""
        return np.repeat(np.arange(len(self.indptr) - 1), self.sizes)

    def matrix(self) -> sparse.csr_matrix:
        """Return a sparse matrix of ones, float32, texts by different shingles."""
        vocabulary, columns = np.unique(self.hashes, return_inverse=True)
        shape = len(self.indptr) - 1, max(1, len(vocabulary))
        ones = np.ones(len(columns), np.float32)
        return sparse.csr_matrix((ones, columns, self.indptr), shape=shape)


def normalized(text: str) -> str:
    """Return the words of `text`, in one case and Unicode form, joined by single blanks."""
    return " ".join(WORDS.findall(unicodedata.normalize("NFKC", text).casefold()))


def word_shingles(texts: Sequence[str], n: int) -> Shingles:
    """Return the word `n`-grams of normalized texts; a text of fewer words is one shingle."""
    words = [text.split() for text in texts]
    lengths = np.array([len(part) for part in words], np.int64)
    numbers: dict[str, int] = {}
    flat = [numbers.setdefault(word, len(numbers) + 1) for part in words for word in part]
    return _shingles(np.array(flat, np.uint64), lengths, n)


def character_shingles(texts: Sequence[str], n: int) -> Shingles:
    """Return the character `n`-grams of normalized texts; a shorter text is one shingle."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    return _shingles(codes, np.array([len(text) for text in texts], np.int64), n)


def _shingles(codes: np.ndarray, lengths: np.ndarray, n: int) -> Shingles:
    """Hash every window of `n` codes that lies within one text; codes are at least 1."""
    starts = np.cumsum(lengths) - lengths
    counts = np.where(lengths >= n, lengths - n + 1, np.minimum(lengths, 1))
    owners = np.repeat(np.arange(len(lengths)), counts)
    begin = positions(starts, counts)
    hashes = np.zeros(len(owners), np.uint64)
    padded = np.concatenate([codes, np.zeros(n, np.uint64)])
    for place in range(n):
        inside = place < lengths[owners]
        hashes = splitmix64(hashes + np.where(inside, padded[begin + place], np.uint64(0)))
    order = np.lexsort((hashes, owners))
    hashes, owners = hashes[order], owners[order]
    once = np.ones(len(hashes), bool)
    once[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])
    sizes = np.bincount(owners[once], minlength=len(lengths))
    return Shingles(hashes[once], np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))
