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

Second choices are a little less alike than first ones, so that wrong pairs are undercounted where
few records have a counterpart. Where both sources are worded alike, which shows in how alike those
are that are no one's closest, a better example of wrong pairs is at hand: the closest pairs within
one source, which has each thing once. They take the place of decoys as far as wording is the same.

Costs O(n m + n² + m²) time for sources of n and m records (a source more than twice as large as the
other is not compared with itself), and O(m) memory for some rows at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_number
from thresher.core.missing import text_list
from thresher.core.shown import Shown
from thresher.core.signatures import checked
from thresher.core.ties import highest_first

from .closest_pairs import CLOSEST, Pairs, Sides, closest, mutual, without_self
from .exact import checked_ids

NGRAMS = (3, 5)
FEWEST = 10
TURNS = 12
LOW_SHARES = np.array([0.2, 0.3, 0.4, 0.5, 0.6])
LEAST_WEIGHT = 1e-3
# Those behind the third closest are look-alikes in any case.
FAR = slice(3, None)
# Sources are worded alike where records across them are about as alike as within one.
UNLIKE, ALIKE = 0.9, 1.0
LARGER = 2
# An expected precision is given from so many closest pairs, when they are mostly right or the
# matches are nearly all sure.
FEWEST_PAIRS, MOSTLY, SURE = 50, 0.5, 0.9


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
        """Estimated share of right ones among the matches; None where `doubt` says why not."""
        return None if self.doubt is not None else self._mean()

    @property
    def doubt(self) -> str | None:
        """Why the precision of the matches is not known, in a sentence; None where it is."""
        if not self.matched.any():
            return "no pair is a match"
        if len(self) < FEWEST_PAIRS:
            return (
                f"only {counted(len(self), 'pair is', 'pairs are')} each other's closest, "
                f"{FEWEST_PAIRS} or more tell"
            )
        if self.probability.mean() < MOSTLY and self._mean() < SURE:
            return (
                "fewer than half of the closest pairs are likely right, and then fewer matches "
                "are right than it seems; look at some"
            )
        return None

    def _mean(self) -> float:
        return float(self.probability[self.matched].mean())

    def at(self, threshold: float) -> RecordMatches:
        """Take another probability as the threshold, without comparing anything again."""
        check_number("threshold", threshold, low=0, high=1)
        return replace(self, threshold=threshold)


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
    Where hardly any record has a counterpart, probabilities are too high, most so where the sources
    word things differently: `RecordMatches.expected_precision` is then not given. Look-alikes that
    are of one thing but for what cannot be seen from words, such as two sentences on one event, are
    taken for right.

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
                f"`{side}` has {counted(worded, 'record')} with a word, matching needs {FEWEST} or "
                "more: the chance of mistakes is learnt from the records themselves."
            )
    ours, theirs = _weighted(left, right)
    best = closest(ours, theirs), closest(theirs, ours)
    pairs = mutual(best, taken=None)
    decoys = mutual(best, taken=pairs)
    probability = _by_decoys(pairs, decoys, shape=(len(left), len(right)))
    own = _look_alikes((ours, theirs), best)
    if own.alike and len(pairs.left):
        by_own = _against(pairs, own.pairs, own.weights)
        probability = own.alike * by_own + (1 - own.alike) * probability
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


@dataclass(frozen=True)
class _Own:
    """Closest pairs within the sources, as if across them, and how far they may stand for those."""

    pairs: Pairs
    weights: np.ndarray
    alike: float


def _look_alikes(sides: tuple[sparse.csr_matrix, sparse.csr_matrix], best: Sides) -> _Own:
    """Pair the records of each source among themselves, scaled to similarities across sources."""
    found, weights, scales = [], [], []
    for side, other, across in zip(sides, sides[::-1], best, strict=True):
        if side.shape[0] > LARGER * other.shape[0]:
            continue
        within = without_self(closest(side, side, CLOSEST + 1))
        pairs = mutual((within, within), taken=None)
        once = np.flatnonzero(pairs.left < pairs.right)
        far = [scores[:, FAR].mean(axis=1) for _, scores in (across, within)]
        known = (far[0] > 0) & (far[1] > 0)
        if not len(once) or not known.any():
            continue
        scale = float(np.median(far[0][known] / far[1][known]))
        found.append(pairs.scaled(once, scale))
        weights.append(np.full(len(once), 1 / len(once)))
        scales.append(scale)
    if not found:
        return _Own(Pairs(*(np.empty(0) for _ in range(4))), np.empty(0), 0.0)
    joined = (
        np.concatenate(parts) for parts in zip(*(part.columns for part in found), strict=True)
    )
    weight = np.concatenate(weights)
    alike = float(np.clip((np.mean(scales) - UNLIKE) / (ALIKE - UNLIKE), 0, 1))
    return _Own(Pairs(*joined), weight / weight.mean(), alike)


def _by_decoys(pairs: Pairs, decoys: Pairs, *, shape: tuple[int, int]) -> np.ndarray:
    """Return for each pair the probability that it is right, float64, shape (k,)."""
    probability = np.ones(len(pairs.left))
    if not len(pairs.left) or not len(decoys.left):
        return probability
    for _ in range(TURNS):
        sure = np.ones(shape[0]), np.ones(shape[1])
        sure[0][pairs.left], sure[1][pairs.right] = probability, probability
        weights = np.maximum(sure[0][decoys.left] * sure[1][decoys.right], LEAST_WEIGHT)
        probability = _against(pairs, decoys, weights)
    return probability


def _against(pairs: Pairs, wrong: Pairs, weights: np.ndarray) -> np.ndarray:
    """Return the probability of each pair to be right, by examples of wrong ones."""
    of_pairs, of_wrong = _odds(pairs, wrong, weights)
    share = _wrong_share(of_pairs, of_wrong, weights)
    density_ratio = np.exp(-of_pairs) * len(of_pairs) / weights.sum()
    probability: np.ndarray = np.clip(1 - share * density_ratio, 0, 1)
    return probability


def _odds(pairs: Pairs, decoys: Pairs, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
