"""TF-IDF of characters within words, for which each different word is taken apart once.

A corpus says few words often (G. K. Zipf, 1935): counting the pieces of every occurrence anew was
most of the cost of the text encoder. How often a text holds a piece is the product of how often it
holds each word and how often that word holds the piece, in whole numbers and therefore exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer


class PieceVectorizer(TfidfVectorizer):  # type: ignore[misc]
    """A `TfidfVectorizer` for the analyzer ``"char_wb"``: the same weights in less time."""

    def _count_vocab(
        self, raw_documents: Iterable[str], fixed_vocab: bool
    ) -> tuple[dict[str, int], sp.csr_matrix]:
        """Count pieces; where scikit-learn asks for counts elsewhere, it counts them itself."""
        prepare = self.build_preprocessor()
        places: dict[str, int] = {}
        held = [
            [places.setdefault(word, len(places)) for word in prepare(text).split()]
            for text in raw_documents
        ]
        vocabulary, pieces_of = super()._count_vocab(places, fixed_vocab)
        counts = _held(held, len(places), like=pieces_of) @ pieces_of
        counts.sort_indices()
        return vocabulary, counts


def _held(held: list[list[int]], words: int, *, like: Any) -> Any:
    """Return how often each text holds each word, in a matrix of the same class and type."""
    ends = np.concatenate([[0], np.cumsum([len(places) for places in held], dtype=np.int64)])
    flat = np.fromiter((place for places in held for place in places), np.int32, int(ends[-1]))
    ones = np.ones(len(flat), like.dtype)
    return type(like)((ones, flat, ends), shape=(len(held), words))
