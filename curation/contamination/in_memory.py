"""Contamination: test texts that stand, in whole or in part, in the training texts.

Word n-gram overlap as in Brown et al., "Language models are few-shot learners", 2020, appendix C
(13-grams). Texts shorter than the n-gram are looked up as wholes. O(total words) time; memory for
the n-grams of the test texts and those that training texts share with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from thresher.core.counted import percent
from thresher.core.errors import InputError, check_number
from thresher.core.issues import Issues
from thresher.core.missing import text_list
from thresher.core.shown import Shown
from thresher.core.signatures import checked
from thresher.core.word_hashes import hash_words

from ..duplicates.exact import checked_ids
from .index import BenchmarkIndex, build_index
from .matches import find_matches

_CHUNK = 2000


@dataclass(frozen=True, repr=False)
class Contamination(Shown):
    """How much of each test text occurs in the training texts.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
        Of the test texts.
    share : ndarray of float32, shape (n,)
        Share of the text's different n-grams that occur in a training text.
    twin : ndarray of int64, shape (n,)
        The first of the training texts that hold the text's rarest shared n-gram; −1 for none.
    train_ids : ndarray of str, shape (m,)
    sources : ndarray of int64, shape (m,)
        For training texts to drop, the contaminated test text of which they hold most; −1 for
        others. Without these, no test text is contaminated.
    source_share : ndarray of float32, shape (m,)
        Share of that text's n-grams that the training text holds; 0 for others.
    n : int
        Words of an n-gram.
    threshold : float
        Texts with at least this share are reported.
    """

    row_ids: np.ndarray
    share: np.ndarray
    twin: np.ndarray
    train_ids: np.ndarray
    sources: np.ndarray
    source_share: np.ndarray
    n: int
    threshold: float

    @property
    def scores(self) -> np.ndarray:
        """1 − share, float32, shape (n,)."""
        return np.float32(1) - self.share

    @property
    def contaminated(self) -> np.ndarray:
        """Whether a text is reported; bool, shape (n,)."""
        return (self.share > 0) & (self.share >= np.float32(self.threshold))

    def to_issues(self) -> Issues:
        """Return a ``leakage`` issue for each contaminated test text, with a training twin."""
        rows = np.flatnonzero(self.contaminated)
        return Issues.from_columns(
            "leakage",
            row_ids=self.row_ids[rows],
            scores=self.scores[rows],
            twins=self.train_ids[self.twin[rows]],
            details=[f"{percent(share)} of its n-grams are in train" for share in self.share[rows]],
        )

    def source_issues(self) -> Issues:
        """Return a ``leakage`` issue for each training text to drop, with the test text as twin."""
        rows = np.flatnonzero(self.sources >= 0)
        return Issues.from_columns(
            "leakage",
            row_ids=self.train_ids[rows],
            scores=np.float32(1) - self.source_share[rows],
            twins=self.row_ids[self.sources[rows]],
            details=[
                f"holds {percent(share)} of the {self.n}-word sequences of a test text"
                for share in self.source_share[rows]
            ],
        )


@checked
def find_contamination(
    test_texts: Sequence[str],
    train_texts: Sequence[str],
    *,
    n: int = 13,
    threshold: float = 0.5,
    row_ids: np.ndarray | None = None,
    train_ids: np.ndarray | None = None,
) -> Contamination:
    """Find test texts whose word n-grams occur in the training texts.

    Parameters
    ----------
    test_texts, train_texts : sequence of str
        Case, punctuation and white space do not count.
    n : int
        Words of an n-gram. A test text of fewer words is contaminated when a training text equals
        it.
    threshold : float
        Share of n-grams from which a text is reported, in [0, 1].
    row_ids, train_ids : ndarray of str, optional
        Default ``"0"``, ``"1"``, ….

    Examples
    --------
    >>> from curation import find_contamination
    >>> question = "which of these four rivers is the longest one in all of northern europe today"
    >>> found = find_contamination([question], ["Quiz: " + question + "?", "another text"], n=8)
    >>> found.to_issues().counts()
    {'leakage': 1}
    """
    test_texts = text_list("test_texts", test_texts)
    train_texts = text_list("train_texts", train_texts)
    ids = checked_ids(row_ids, rows=len(test_texts))
    others = checked_ids(train_ids, rows=len(train_texts), name="train_ids")
    if n < 1:
        raise InputError(f"`n` must be at least 1, got {n}.")
    check_number("threshold", threshold, low=0, high=1)
    try:
        index = build_index({"": test_texts}, n=n, whole=n, most_items=None)
    except InputError:  # no text has a word
        return _none(ids, others, n, threshold)
    rows, grams = _found(index, train_texts)
    uses = np.bincount(grams, minlength=len(index.grams))
    holders = np.full(len(index.grams), len(train_texts))
    np.minimum.at(holders, grams, rows)
    seen = np.flatnonzero(uses)
    place, owner = index.postings(seen)
    shared = np.bincount(owner, minlength=len(test_texts))
    share = (shared / np.maximum(1, index.sizes)).astype(np.float32)
    twin = np.full(len(test_texts), -1, np.int64)
    gram = seen[place]
    rarest = np.lexsort((holders[gram], uses[gram], owner))
    tests, start = np.unique(owner[rarest], return_index=True)
    twin[tests] = holders[gram][rarest][start]
    contaminated = np.flatnonzero((share > 0) & (share >= np.float32(threshold)))
    ones = np.ones(len(rows), np.float32)
    held = sparse.csc_matrix((ones, (rows, grams)), shape=(len(train_texts), len(index.grams)))
    sources, source_share = _sources(index, held, contaminated, threshold)
    return Contamination(ids, share, twin, others, sources, source_share, n, threshold)


def _found(index: BenchmarkIndex, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return each pair of a text and a sequence that it holds, once, by text."""
    parts = [np.empty((0, 2), np.int64)]
    for start in range(0, len(texts), _CHUNK):
        found = find_matches(index, hash_words(texts[start : start + _CHUNK]))
        pairs = np.stack([found.rows + start, found.grams], axis=1)
        parts.append(np.unique(pairs, axis=0))
    rows, grams = np.concatenate(parts).T
    return rows, grams


def _none(ids: np.ndarray, others: np.ndarray, n: int, threshold: float) -> Contamination:
    """Return the result where no test text has a word."""
    none, share = np.full(len(ids), -1, np.int64), np.zeros(len(ids), np.float32)
    sources, source_share = np.full(len(others), -1, np.int64), np.zeros(len(others), np.float32)
    return Contamination(ids, share, none, others, sources, source_share, n, threshold)


def _sources(
    index: BenchmarkIndex, train: sparse.csc_matrix, contaminated: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find the training texts without which none of the `contaminated` test texts is so.

    Those that hold `threshold` of a test text go; where the rest together still holds as much, all
    of its holders go too. `train` has a row for each text and a column for each sequence.
    """
    sources, most = np.full(train.shape[0], -1, np.int64), np.zeros(train.shape[0], np.float32)
    gram, owner = index.postings(np.arange(len(index.grams)))
    order = np.argsort(owner, kind="stable")
    cuts = np.searchsorted(owner[order], np.arange(len(index.sizes) + 1))
    for test in contaminated.tolist():
        held = train[:, gram[order[cuts[test] : cuts[test + 1]]]]
        holders, place, counts = np.unique(held.indices, return_inverse=True, return_counts=True)
        share = (counts / held.shape[1]).astype(np.float32)
        drop = share >= np.float32(threshold)
        column = np.repeat(np.arange(held.shape[1]), np.diff(held.indptr))
        left = len(np.unique(column[~drop[place]])) / held.shape[1]
        if left > 0 and np.float32(left) >= np.float32(threshold):
            drop[:] = True
        better = drop & (share > most[holders])
        sources[holders[better]], most[holders[better]] = test, share[better]
    return sources, most
