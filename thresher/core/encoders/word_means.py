"""Means of the vectors of words, for very many texts: each different word is taken apart once.

The vectors are those of ``meaning:text``. Texts are taken as `hash_words` cuts them: small letters,
no punctuation. Of the sentences of a corpus this makes some 10 MB a CPU-second, where the encoder,
which hands each text to the tokenizer, makes 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from ..grid import exact_rows, on_grid
from ..word_hashes import WordHashes, hash_words
from .meaning_text import token_sums

# Entries of token vectors are below 8: sums of some thousand words on this grid are exact.
_BITS = 10
_MOST_WORDS = 100_000


@dataclass
class WordMeans:
    """Sums of token vectors by words, kept from one call to the next."""

    _hashes: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))
    _vectors: np.ndarray = field(default_factory=lambda: np.zeros((0, 256), np.float32))

    def sums(self, words: WordHashes) -> np.ndarray:
        """Return the sum of the vectors of each text's words, float32, shape (n, 256)."""
        used, places = np.unique(words.hashes, return_inverse=True)
        vectors = self._of(words, used)
        ones = np.ones(len(places), np.float32)
        shape = len(words.counts), len(used)
        return np.asarray(sp.csr_matrix((ones, places, words.indptr), shape=shape) @ vectors)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit vectors on a grid, float32, shape (n, 256); zeros for texts without words."""
        return unit_means(self.sums(hash_words(texts)))

    def _of(self, words: WordHashes, used: np.ndarray) -> np.ndarray:
        """Return the vectors of the words with these hashes, which are sorted."""
        # Sorted: NumPy 2.0 overflows in a table of few hashes beyond 2**63.
        new = ~np.isin(used, self._hashes, assume_unique=True, kind="sort")
        if new.any():
            if len(self._hashes) + int(new.sum()) > _MOST_WORDS:
                self._hashes, self._vectors = self._hashes[:0], self._vectors[:0]
                new[:] = True
            hashes, first = np.unique(words.hashes, return_index=True)
            wanted = first[np.searchsorted(hashes, used[new])]
            found = on_grid(token_sums(words.spelled(wanted)), _BITS).astype(np.float32)
            joined = np.concatenate([self._hashes, used[new]])
            order = np.argsort(joined, kind="stable")
            self._hashes = joined[order]
            self._vectors = np.concatenate([self._vectors, found])[order]
        return self._vectors[np.searchsorted(self._hashes, used)]


def unit_means(sums: np.ndarray) -> np.ndarray:
    """Scale sums to unit length, on the grid on which products of rows are exact."""
    lengths = np.sqrt(np.square(sums.astype(np.float64)).sum(axis=1, keepdims=True))
    return exact_rows(sums / np.maximum(lengths, 1e-9))
