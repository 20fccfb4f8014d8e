"""Which record of one source describes the same thing as which record of another.

Two shops describe one product in different words, so that no threshold of similarity separates
equal things from similar ones: within a shop, the black and the white model are more alike than
the two shops' texts of either. What does separate them: each is the other's closest, and by a lead
over all others. Texts are compared by the cosine of their TF-IDF weights of character 3- to 5-grams
within words, so that rare parts, model numbers above all, count most.

How far closest pairs are to be trusted is learnt without labels, as peptides are identified by
decoys (Elias and Gygi, Nature Methods 2007): with all closest pairs taken apart, the next closest
pairs are wrong nearly all. A logistic regression tells both kinds apart by similarity and lead,
which gives the ratio of their densities, and the share of wrong pairs follows from where only wrong
ones lie (Storey, 2002). A decoy counts as much as the pairs taken apart for it are surely right,
since else it is a second choice among wrong ones; both are estimated by turns.

Costs O(n m) time for sources of n and m records, and O(m) memory for some rows at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from thresher.core.errors import InputError, check_number
from thresher.core.missing import text_list
from thresher.core.progress import track
from thresher.core.shown import Shown
from thresher.core.signatures import checked
from thresher.core.ties import highest_first, highest_places

from .exact import checked_ids

NGRAMS = (3, 5)
FEWEST = 10
# Cells of one dense block of similarities.
BLOCK_CELLS = 4_000_000
TURNS = 12
LOW_SHARES = np.array([0.2, 0.3, 0.4, 0.5, 0.6])
LEAST_WEIGHT = 1e-3


@dataclass(frozen=True, repr=False)
class RecordMatches(Shown):
    """Pairs of records, each the other's closest, most probable first.

    Attributes
    ----------
    left_ids, right_ids : ndarray of str, shape (k,)
        Every record is in one pair at most.
    similarity : ndarray of float32, shape (k,)
        Cosine, 0–1.
    lead : ndarray of float32, shape (k,)
        By how much the pair is closer than the next closest pair of either record.
    probability : ndarray of float64, shape (k,)
        That both describe the same thing.
    threshold : float
        Pairs with at least this probability are matches.
    """

    left_ids: np.ndarray
    right_ids: np.ndarray
    similarity: np.ndarray
    lead: np.ndarray
    probability: np.ndarray
    threshold: float

    def __len__(self) -> int:
        return len(self.left_ids)

    @property
    def matched(self) -> np.ndarray:
        """Whether a pair is a match, ndarray of bool, shape (k,)."""
        return np.asarray(self.probability >= self.threshold)

    @property
    def expected_precision(self) -> float | None:
        """Estimated share of right ones among the matches; None where there are none."""
        return float(self.probability[self.matched].mean()) if self.matched.any() else None

    def at(self, threshold: float) -> RecordMatches:
        """Take another probability as the threshold, without comparing anything again."""
        check_number("threshold", threshold, low=0, high=1)
        return replace(self, threshold=threshold)


@dataclass(frozen=True)
class _Pairs:
    left: np.ndarray
    right: np.ndarray
    similarity: np.ndarray
    lead: np.ndarray

    @property
    def features(self) -> np.ndarray:
        return np.stack([self.similarity, self.lead, self.similarity * self.lead], axis=1)


@checked
def match_records(
    left: Sequence[str],
    right: Sequence[str],
    *,
    left_ids: np.ndarray | None = None,
    right_ids: np.ndarray | None = None,
    threshold: float = 0.5,
) -> RecordMatches:
    """Match the records of two sources that describe the same things, one to one.

    Parameters
    ----------
    left, right : sequence of str
        One text for each record, its fields joined by spaces. Drop duplicates within a source
        first: of two equal records neither leads.
    left_ids, right_ids : ndarray of str, optional
        Default ``"0"``, ``"1"``, ….
    threshold : float
        Probability from which a pair is a match; see `RecordMatches.at`.

    Raises
    ------
    InputError
        When a source has fewer than ten records with a word: nothing could be learnt of mistakes.

    Notes
    -----
    Where hardly any record has a counterpart, probabilities are too high: where a tenth of them had
    one, half of the matches of product descriptions were right.

    Examples
    --------
    >>> from curation import match_records
    >>> things = ["kettle", "lamp", "chair", "tent", "radio", "clock", "mirror", "carpet", "fan"]
    >>> left = [f"{thing} number {at}{at}7" for at, thing in enumerate(things * 2)]
    >>> right = [f"{thing}, new, {at}{at}7" for at, thing in enumerate(things * 2)]
    >>> len(match_records(left, right))
    18
    """
    check_number("threshold", threshold, low=0, high=1)
    left, right = text_list("left", left), text_list("right", right)
    names = (
        checked_ids(left_ids, rows=len(left), name="left_ids"),
        checked_ids(right_ids, rows=len(right), name="right_ids"),
    )
    for side, texts in (("left", left), ("right", right)):
        worded = sum(any(map(str.isalnum, text)) for text in texts)
        if worded < FEWEST:
            raise InputError(
                f"`{side}` has {worded} records with a word, matching needs {FEWEST} or more: the "
                "chance of mistakes is learnt from the records themselves."
            )
    ours, theirs = _weighted(left, right)
    best = _closest(ours, theirs), _closest(theirs, ours)
    pairs = _mutual(best, taken=None)
    decoys = _mutual(best, taken=pairs)
    probability = _probabilities(pairs, decoys, shape=(len(left), len(right)))
    order = highest_first(probability)
    return RecordMatches(
        left_ids=names[0][pairs.left[order]],
        right_ids=names[1][pairs.right[order]],
        similarity=pairs.similarity[order],
        lead=pairs.lead[order],
        probability=probability[order],
        threshold=threshold,
    )


def _weighted(
    left: Sequence[str], right: Sequence[str]
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return TF-IDF weights of both sources, each row of length one."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        analyzer="char_wb", ngram_range=NGRAMS, sublinear_tf=True, dtype=np.float32
    )
    both = vectorizer.fit_transform([*left, *right])
    return both[: len(left)], both[len(left) :]


Closest = tuple[np.ndarray, np.ndarray]


def _closest(own: sparse.csr_matrix, others: sparse.csr_matrix, count: int = 3) -> Closest:
    """Return positions and similarities of the closest `count` others of each row, (n, count)."""
    n, m = own.shape[0], others.shape[0]
    positions, scores = np.empty((n, count), np.int64), np.empty((n, count), np.float32)
    rows = max(1, BLOCK_CELLS // m)
    transposed = others.T.tocsr()
    for start in track(range(0, n, rows), description="compare records"):
        block = (own[start : start + rows] @ transposed).toarray()
        first = highest_places(block, count)
        found = np.take_along_axis(block, first, axis=1)
        order = np.argsort(-found, axis=1, kind="stable")
        positions[start : start + rows] = np.take_along_axis(first, order, axis=1)
        scores[start : start + rows] = np.take_along_axis(found, order, axis=1)
    return positions, scores


def _mutual(best: tuple[Closest, Closest], *, taken: _Pairs | None) -> _Pairs:
    """Return the pairs of which each is the other's closest, apart from those `taken`."""
    partners = [np.full(len(positions), -1) for positions, _ in best]
    if taken is not None:
        partners[0][taken.left], partners[1][taken.right] = taken.right, taken.left
    (right, ahead), (left, ahead_right) = (
        _two_left(closest, partner) for closest, partner in zip(best, partners, strict=True)
    )
    rows = np.arange(len(right))
    mutual = np.flatnonzero((left[right] == rows) & (ahead[:, 0] > 0))
    chosen = right[mutual]
    similarity = ahead[mutual, 0]
    next_best = np.maximum(ahead[mutual, 1], ahead_right[chosen, 1])
    return _Pairs(mutual, chosen, similarity, similarity - next_best)


def _two_left(closest: Closest, partner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the closest but for the partner, (n,); its similarity and the next one's, (n, 2)."""
    positions, scores = closest
    order = np.argsort(positions == partner[:, None], axis=1, kind="stable")
    return (
        np.take_along_axis(positions, order, axis=1)[:, 0],
        np.take_along_axis(scores, order, axis=1)[:, :2],
    )


def _probabilities(pairs: _Pairs, decoys: _Pairs, *, shape: tuple[int, int]) -> np.ndarray:
    """Return for each pair the probability that it is right, float64, shape (k,)."""
    probability = np.ones(len(pairs.left))
    if not len(pairs.left) or not len(decoys.left):
        return probability
    for _ in range(TURNS):
        sure = np.ones(shape[0]), np.ones(shape[1])
        sure[0][pairs.left], sure[1][pairs.right] = probability, probability
        weights = np.maximum(sure[0][decoys.left] * sure[1][decoys.right], LEAST_WEIGHT)
        of_pairs, of_decoys = _odds(pairs, decoys, weights)
        wrong = _wrong_share(of_pairs, of_decoys, weights)
        density_ratio = np.exp(-of_pairs) * len(of_pairs) / weights.sum()
        probability = np.clip(1 - wrong * density_ratio, 0, 1)
    return probability


def _odds(pairs: _Pairs, decoys: _Pairs, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the log-odds of pairs and of decoys for being a pair and no decoy."""
    from sklearn.linear_model import LogisticRegression

    X = np.concatenate([pairs.features, decoys.features]).astype(np.float64)
    X = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-12)
    is_pair = np.arange(len(X)) < len(pairs.left)
    counts = np.concatenate([np.ones(len(pairs.left)), weights])
    model = LogisticRegression(C=10).fit(X, is_pair, sample_weight=counts)
    odds = model.decision_function(X)
    return odds[is_pair], odds[~is_pair]


def _wrong_share(of_pairs: np.ndarray, of_decoys: np.ndarray, weights: np.ndarray) -> float:
    """Return the share of wrong pairs, from how many pairs lie where right ones do not."""
    order = np.argsort(of_decoys, kind="stable")
    below = np.cumsum(weights[order]) / weights.sum()
    levels = of_decoys[order][np.searchsorted(below, LOW_SHARES)]
    shares = (of_pairs[:, None] <= levels).mean(axis=0)
    return float(min(1.0, (shares / LOW_SHARES).mean()))
