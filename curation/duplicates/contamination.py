"""Contamination: test texts that stand, in whole or in part, in the training texts.

Word n-gram overlap as in Brown et al., "Language models are few-shot learners", 2020, appendix C
(13-grams). Texts shorter than the n-gram are looked up as wholes. O(total words + n-grams
shared with contaminated texts).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from thresher.core.errors import InputError, check_number
from thresher.core.issues import Issues
from thresher.core.missing import text_list
from thresher.core.shown import Shown
from thresher.core.signatures import checked

from .exact import checked_ids
from .texts.shingles import normalized, word_shingles


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
            details=[f"{share:.0%} of its n-grams are in train" for share in self.share[rows]],
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
                f"holds {share:.0%} of the {self.n}-word sequences of a test text"
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
    plain = [normalized(text) for text in [*test_texts, *train_texts]]
    shingles = word_shingles(plain, n)
    owners, count = shingles.owners, len(test_texts)
    tested = owners < count
    known, first, uses = np.unique(shingles.hashes[~tested], return_index=True, return_counts=True)
    holders = owners[~tested][first] - count
    wanted = shingles.hashes[tested]
    place = np.minimum(np.searchsorted(known, wanted), max(0, len(known) - 1))
    hit = known[place] == wanted if len(known) else np.zeros(len(wanted), bool)
    owner, place = owners[tested][hit], place[hit]
    shared = np.bincount(owner, minlength=count)
    twin = np.full(count, -1, np.int64)
    rarest = np.lexsort((holders[place], uses[place], owner))
    found, start = np.unique(owner[rarest], return_index=True)
    twin[found] = holders[place][rarest][start]
    share = (shared / np.maximum(1, shingles.sizes[:count])).astype(np.float32)
    contaminated = np.flatnonzero((share > 0) & (share >= np.float32(threshold)))
    sources, source_share = _sources(shingles.matrix(), contaminated, count, threshold)
    return Contamination(ids, share, twin, others, sources, source_share, n, threshold)


def _sources(
    grams: sparse.csr_matrix, contaminated: np.ndarray, count: int, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find the training texts without which none of the `contaminated` test texts is so.

    Those that hold `threshold` of a test text go; where the rest together still holds as much, all
    of its holders go too.
    """
    train = grams[count:].tocsc()
    sources, most = np.full(train.shape[0], -1, np.int64), np.zeros(train.shape[0], np.float32)
    for test in contaminated.tolist():
        held = train[:, grams[test].indices]
        holders, place, counts = np.unique(held.indices, return_inverse=True, return_counts=True)
        share = (counts / held.shape[1]).astype(np.float32)
        drop = share >= np.float32(threshold)
        gram = np.repeat(np.arange(held.shape[1]), np.diff(held.indptr))
        left = len(np.unique(gram[~drop[place]])) / held.shape[1]
        if left > 0 and np.float32(left) >= np.float32(threshold):
            drop[:] = True
        better = drop & (share > most[holders])
        sources[holders[better]], most[holders[better]] = test, share[better]
    return sources, most
