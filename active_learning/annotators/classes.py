"""Several annotators: consensus labels, and how good each annotator is.

Votes are a long table, one entry for each answer.

* majority: the most frequent answer.
* Dawid–Skene (1979): a confusion matrix for each annotator and a prior, by expectation
  maximization, with a prior that keeps annotators with few answers near what is expected of them.
  A classifier can answer as one more annotator: what its answers are worth is learned like theirs.
* CROWDLAB (Goh, Tkachenko and Mueller, 2022): a weighted mean of the classifier's probabilities and
  of what each answer says given its annotator's agreement with the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from thresher.core.answer_table import AnswerTable
from thresher.core.errors import InputError, check_choice
from thresher.core.shown import ShownRows
from thresher.core.text_arrays import text_array
from thresher.core.ties import first_highest

from ..estimates.accuracy import Estimate
from ..pool.arrays import check_pred_probs
from .answers import table_of

WITH_CLASSIFIER = "dawid_skene_classifier"
# Methods that need a classifier.
WITH_OUTPUTS = (WITH_CLASSIFIER, "crowdlab")
METHODS = ("auto", "majority", "dawid_skene", *WITH_OUTPUTS)
# Less than any answer, and more than nothing: where answers are even the classifier decides.
_TIE = 1e-3
# Shares of the rows that have several answers.
_FEW, _SOME, _MOST = 0.1, 0.3, 0.9
AGREEMENT, PROBABILITY, RELIABILITY = "agreement", "probability", "reliability"


@dataclass(frozen=True)
class Votes(AnswerTable):
    """Answers that are classes.

    Attributes
    ----------
    codes : ndarray of int64, shape (v,)
        Class of each answer, 0 … c − 1.
    classes : tuple of str, length c
    """

    codes: np.ndarray
    classes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        row_ids: np.ndarray,
        annotators: np.ndarray,
        labels: np.ndarray,
        *,
        classes: tuple[str, ...] | None = None,
    ) -> Votes:
        """Make votes from three columns of equal length v, one answer each.

        See `table_of`.

        Raises
        ------
        InputError
            When the columns differ in length, or a label is not among `classes`.
        """
        return cls.of_table(table_of(row_ids, annotators, labels), classes=classes)

    @classmethod
    def of_table(cls, table: AnswerTable, *, classes: tuple[str, ...] | None) -> Votes:
        """Make votes from answers whose labels are classes; default those that occur.

        Raises
        ------
        InputError
            When a label is not among `classes`.
        """
        names = tuple(np.unique(table.labels).tolist()) if classes is None else tuple(classes)
        unknown = sorted(set(table.labels.tolist()) - set(names))
        if unknown:
            raise InputError(
                f"The label {unknown[0]!r} is not one of the classes: {', '.join(names)}."
            )
        order = np.argsort(text_array(names), kind="stable")
        codes = order[np.searchsorted(text_array(names)[order], table.labels)]
        return cls(**vars(table), codes=codes, classes=names)

    def counts(self) -> np.ndarray:
        """Return the votes of each row for each class, float64, shape (n, c)."""
        return self.counts_of(self.codes, num_classes=len(self.classes))

    def with_classifier(self, pred_probs: np.ndarray) -> Votes:
        """Return these votes and, for each row, that of a classifier as the last annotator."""
        n, codes = len(self.row_ids), first_highest(pred_probs)
        return replace(
            self,
            rows=np.concatenate([self.rows, np.arange(n)]),
            annotators=np.concatenate([self.annotators, np.full(n, len(self.names))]),
            labels=np.concatenate([self.labels, text_array(self.classes)[codes]]),
            names=text_array([*self.names.tolist(), "classifier"]),
            codes=np.concatenate([self.codes, codes]),
        )


@dataclass(frozen=True, repr=False)
class Consensus(ShownRows):
    """One label for each row, and a quality for each row and annotator.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    labels : ndarray of str, shape (n,)
    scores : ndarray of float64, shape (n,)
        How far the answers agree on the label, 0–1, weighed by what annotators are like; with rows
        of known label the probability that it is right. `scores_are` says which.
    probs : ndarray of float64, shape (n, c)
        The same for every class. By rows of known label another class than that of `labels` may
        come out likelier, where the answers are seldom right.
    annotators : ndarray of str, shape (a,)
    annotator_quality : ndarray of float64, shape (a,)
        Estimated share of right answers of each; without rows of known label, of answers that agree
        with the consensus.
    answers : ndarray of int64, shape (a,)
        Answers of each.
    classes : tuple of str
    method : str
    scores_are : {"agreement", "probability", "reliability"}
        ``"agreement"``: no probability. A crowd that shares its errors agrees on them, and no
        number of answers tells. ``"reliability"``: of numbers.
    accuracy : Estimate or None
        Share of right labels among the rows without a known label.

    Examples
    --------
    >>> from active_learning import Consensus, consensus
    >>> said = consensus(["r1", "r1", "r1"], ["ann", "bo", "cy"], ["cat", "cat", "dog"])
    >>> isinstance(said, Consensus), said.labels.tolist()
    (True, ['cat'])
    """

    row_ids: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    probs: np.ndarray
    annotators: np.ndarray
    annotator_quality: np.ndarray
    answers: np.ndarray
    classes: tuple[str, ...]
    method: str
    scores_are: str = AGREEMENT
    accuracy: Estimate | None = None


def label_consensus(votes: Votes, *, pred_probs: np.ndarray | None, method: str) -> Consensus:
    """Find one class for each row; see `consensus`."""
    check_choice("method", method, METHODS)
    if pred_probs is not None or method in WITH_OUTPUTS:
        pred_probs = _check_probs(votes, pred_probs, method)
    if method == "auto":
        method = choose_method(votes, classifier=pred_probs is not None)
    if method == "crowdlab":
        assert pred_probs is not None
        probs = crowdlab(votes, pred_probs)
    elif method == WITH_CLASSIFIER:
        assert pred_probs is not None
        # Its doubts count at the start, its favorites from then on.
        start = (votes.counts() + pred_probs) / (1.0 + votes.counts().sum(axis=1, keepdims=True))
        probs = dawid_skene(votes.with_classifier(pred_probs), start=start)
    elif method == "dawid_skene":
        probs = dawid_skene(votes)
    else:
        probs = majority(votes, pred_probs)
    best = first_highest(probs)
    return Consensus(
        votes.row_ids,
        text_array(votes.classes)[best],
        probs[np.arange(len(probs)), best],
        probs,
        votes.names,
        votes.mean_by_annotator(probs[votes.rows, votes.codes]),
        votes.answers(),
        votes.classes,
        method,
    )


def majority(votes: Votes, pred_probs: np.ndarray | None = None) -> np.ndarray:
    """Return the share of votes for each class, shape (n, c); a classifier breaks ties."""
    counts = votes.counts()
    if pred_probs is not None:
        counts = counts + _TIE * pred_probs
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def dawid_skene(
    votes: Votes,
    *,
    rounds: int = 100,
    tolerance: float = 1e-5,
    prior: float = 3.0,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Return the posterior of each row's class, shape (n, c), by expectation maximization.

    Parameters
    ----------
    votes : Votes
    rounds, tolerance
        Stops when no probability moves by more than `tolerance`.
    prior : float
        Answers' worth of an expected confusion matrix for each annotator and class; 0 is Dawid and
        Skene's own estimate. The expected matrix is that of the whole crowd with its diagonal
        moved by the annotator's overall skill.
    start : ndarray, shape (n, c), optional
        Default the shares of votes.
    """
    from scipy.sparse import csr_matrix

    n, c, a = len(votes.row_ids), len(votes.classes), len(votes.names)
    posterior = majority(votes) if start is None else start
    cell = votes.annotators * c + votes.codes
    # One for each answer; products with it are 7 times as fast as adding in place.
    said = csr_matrix((np.ones(len(cell)), (cell, votes.rows)), shape=(a * c, n))
    for _ in range(rounds):
        # confusion[annotator, said, truth]
        counts = (said @ posterior).reshape(a, c, c)
        confusion = counts + prior * _expected_confusion(counts) + 1e-6
        confusion /= confusion.sum(axis=1, keepdims=True)
        evidence = said.T @ np.log(confusion.reshape(a * c, c))
        evidence += np.log(np.maximum(posterior.mean(axis=0), 1e-10))
        evidence -= evidence.max(axis=1, keepdims=True)
        updated = np.exp(evidence)
        updated /= updated.sum(axis=1, keepdims=True)
        moved = np.abs(updated - posterior).max()
        posterior = updated
        if moved < tolerance:
            break
    return posterior


def _expected_confusion(counts: np.ndarray) -> np.ndarray:
    """Return the confusion expected of each annotator, shape (a, said, truth)."""
    pooled = counts.sum(axis=0) + 1e-2
    pooled /= pooled.sum(axis=0, keepdims=True)
    crowd = float(np.clip(np.trace(counts.sum(axis=0)) / counts.sum(), 1e-3, 1 - 1e-3))
    right = np.trace(counts, axis1=1, axis2=2)
    # Two answers' worth of the crowd keep the skill of an annotator off 0 and 1.
    skill = (right + 2 * crowd) / (counts.sum(axis=(1, 2)) + 2)
    better = (skill / (1 - skill)) / (crowd / (1 - crowd))
    diagonal = np.clip(np.diag(pooled), 1e-3, 1 - 1e-3)
    odds = better[:, None] * (diagonal / (1 - diagonal))[None, :]
    hit = odds / (1 + odds)
    errors = pooled.copy()
    np.fill_diagonal(errors, 0.0)
    errors /= np.maximum(errors.sum(axis=0, keepdims=True), 1e-12)
    expected = errors[None] * (1 - hit)[:, None, :]
    places = np.arange(len(pooled))
    expected[:, places, places] = hit
    return np.asarray(expected)


@dataclass(frozen=True)
class Weights:
    """How much CROWDLAB trusts each source.

    ``likelihood`` is the probability that an answer agrees with another one for the same row,
    ``annotators``, shape (a,), and ``model`` are the weights.
    """

    likelihood: float
    annotators: np.ndarray
    model: float


def crowdlab(votes: Votes, pred_probs: np.ndarray) -> np.ndarray:
    """Return the mean of classifier and answers, weighted by their trust, shape (n, c)."""
    weights = crowdlab_weights(votes, pred_probs)
    c = len(votes.classes)
    total = weights.model * pred_probs
    trust = weights.annotators[votes.annotators]
    spread = (1.0 - weights.likelihood) / max(c - 1, 1)
    said = np.zeros_like(total)
    np.add.at(said, votes.rows, (trust * spread)[:, None])
    np.add.at(said, (votes.rows, votes.codes), trust * (weights.likelihood - spread))
    sums = weights.model + np.bincount(votes.rows, weights=trust, minlength=len(total))
    return np.asarray((total + said) / sums[:, None])


def crowdlab_weights(votes: Votes, pred_probs: np.ndarray) -> Weights:
    """Measure how much annotators agree with each other, and the model with the consensus."""
    counts = votes.counts()
    several = counts.sum(axis=1) > 1
    label = first_highest(counts + _TIE * pred_probs)
    mine = several[votes.rows]
    others = counts[votes.rows, votes.codes] - 1.0
    peers = np.maximum(counts.sum(axis=1)[votes.rows] - 1.0, 1.0)
    agree = others / peers
    floor = 1e-3
    likelihood = float(np.clip(agree[mine].mean() if mine.any() else 0.9, floor, 1 - floor))
    a = len(votes.names)
    number = np.bincount(votes.annotators[mine], minlength=a)
    agreement = np.bincount(votes.annotators[mine], weights=agree[mine], minlength=a)
    # Two answers' worth of the mean keep annotators with few shared rows near it.
    agreement = (agreement + 2.0 * likelihood) / (number + 2.0)
    # Most frequent class: what agreement costs nothing.
    top = np.bincount(label[several], minlength=counts.shape[1]).argmax() if several.any() else 0
    chance = float((votes.codes[mine] == top).mean()) if mine.any() else 1.0 / counts.shape[1]
    room = max(1.0 - chance, floor)
    rows = several if several.any() else np.ones(len(counts), dtype=bool)
    model_right = float((pred_probs.argmax(axis=1) == label)[rows].mean())
    trust = np.maximum(1.0 - (1.0 - agreement) / room, floor)
    answers = float(np.sqrt(counts.sum(axis=1).mean()))
    model = max(1.0 - (1.0 - model_right) / room, floor) * answers
    return Weights(likelihood, trust, model)


def choose_method(votes: Votes, *, classifier: bool = False) -> str:
    """Return the method by how many people answered, and how many rows have several answers.

    Dawid and Skene's estimate needs two other opinions on nearly every row, or it takes for an
    annotator's habit what is the classifier's; CROWDLAB does with less. Two people who differ tell
    nothing of who is right. Measured in ``benchmarks/active_learning_crowd_classifier.py``.
    """
    several = float((np.bincount(votes.rows) > 1).mean())
    if len(votes.names) < 3 or several <= _FEW:
        return "majority"
    if not classifier:
        return "dawid_skene" if several > _SOME else "majority"
    return WITH_CLASSIFIER if several >= _MOST else "crowdlab"


def _check_probs(votes: Votes, pred_probs: np.ndarray | None, method: str) -> np.ndarray:
    if pred_probs is None:
        raise InputError(f"Method {method!r} needs `pred_probs`, or use 'dawid_skene'.")
    probs = check_pred_probs(pred_probs, row_ids=votes.row_ids).astype(np.float64)
    if probs.shape != (len(votes.row_ids), len(votes.classes)):
        raise InputError(
            f"`pred_probs` must have shape {(len(votes.row_ids), len(votes.classes))} (distinct "
            f"rows, classes), got {probs.shape}."
        )
    return probs
