"""TF-IDF of words and pairs of words (Spärck Jones, 1972), without scikit-learn.

Importing that takes half a CPU-second, which is as much as all probes of a small set of texts may
take. The weights are those of its ``TfidfVectorizer``, with which the tests compare.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import scipy.sparse as sp

WORD, SPACES = re.compile(r"\w+"), re.compile(r"\s\s+")


def tfidf(texts: Sequence[str], *, most: int) -> sp.csr_matrix:
    """Weigh words and pairs of words, or where no text has a word, characters and pairs of them.

    Parameters
    ----------
    texts : sequence of str
    most : int
        Terms to keep: those that come most often, of equals the first by spelling.

    Returns
    -------
    csr_matrix of float64, shape (n, terms)
        Rows of unit length, but those without a term, which are 0.
    """
    lower = [text.lower() for text in texts]
    parts: Iterable[Sequence[str]] = [WORD.findall(text) for text in lower]
    joined = " "
    if not any(parts):
        parts, joined = (SPACES.sub(" ", text) for text in lower), ""
    counts = _kept(*_counted(parts, joined), most=most)
    n, frequency = counts.shape[0], np.bincount(counts.indices, minlength=counts.shape[1])
    weights = (1 + np.log(counts.data)) * (1 + np.log((1 + n) / (1 + frequency)))[counts.indices]
    rows = np.repeat(np.arange(n), np.diff(counts.indptr))
    lengths = np.sqrt(np.bincount(rows, weights=weights**2, minlength=n))
    return sp.csr_matrix((weights / lengths[rows], counts.indices, counts.indptr), counts.shape)


def _counted(parts: Iterable[Sequence[str]], joined: str) -> tuple[sp.csr_matrix, list[str]]:
    """Return how often each text has each term, and the terms."""
    places: dict[str, int] = {}
    columns: list[int] = []
    ends = [0]
    for tokens in parts:
        pairs = (f"{one}{joined}{other}" for one, other in pairwise(tokens))
        columns += [places.setdefault(term, len(places)) for term in (*tokens, *pairs)]
        ends.append(len(columns))
    counts = sp.csr_matrix(
        (np.ones(len(columns)), np.array(columns, dtype=np.int64), np.array(ends)),
        shape=(len(ends) - 1, len(places)),
    )
    counts.sum_duplicates()
    return counts, list(places)


def _kept(counts: sp.csr_matrix, terms: list[str], *, most: int) -> sp.csr_matrix:
    if len(terms) <= most:
        return counts
    often = np.bincount(counts.indices, weights=counts.data, minlength=len(terms))
    order = sorted(range(len(terms)), key=lambda at: (-often[at], terms[at]))
    return counts[:, np.sort(order[:most])]
