"""Find wrong labels from embeddings, predicted probabilities, training dynamics and annotators."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from thresher.core.counted import counted
from thresher.core.embeddings import Embeddings
from thresher.core.errors import check_choice
from thresher.core.interval import wilson_interval
from thresher.core.neighbors import NeighborGraph
from thresher.core.randomness import RandomState
from thresher.core.signatures import checked
from thresher.core.ties import first_highest

from .annotators import class_posterior
from .belief import Belief, by_probs, issues_of
from .curve import DOUBT, IGNORANCE
from .dynamics import add_margins, area_under_margin, split_margins
from .evidence import Evidence, check_evidence, gather
from .inputs import LabelInputs, read_inputs
from .noise import NoiseRate
from .odds import logit, sigmoid
from .posterior import sharpened
from .result import LabelIssues
from .training_record import HasMargins

if TYPE_CHECKING:
    from .annotators import Annotations

METHODS = ("auto", "loo_ridge", "knn", "logistic", "confident")
FEWEST_PEERS = 3


@checked
def find_label_issues(
    labels: np.ndarray | Sequence[int] | Sequence[str] | None = None,
    *,
    embeddings: Embeddings | np.ndarray | None = None,
    pred_probs: np.ndarray | Sequence[np.ndarray] | None = None,
    annotations: Annotations | None = None,
    dynamics: str | os.PathLike[str] | HasMargins | None = None,
    graph: NeighborGraph | None = None,
    row_ids: np.ndarray | None = None,
    classes: Sequence[str] | None = None,
    method: str = "auto",
    random_state: RandomState = 0,
) -> LabelIssues:
    """Find rows whose label is probably wrong.

    Give any evidence there is. Labels of other kinds have functions of their own:
    `find_multilabel_issues`, `find_regression_issues`, `find_token_issues`, `find_box_issues`.

    Parameters
    ----------
    labels : array of int or str, shape (n,), optional
        Codes (−1 = missing) or names. Default: each row's most frequent answer in `annotations`.
    embeddings : Embeddings or ndarray, shape (n, d), optional
        Used when no `pred_probs` are given.
    pred_probs : ndarray of float, shape (n, K), or a list of them, optional
        Out-of-sample probabilities of one or several models; several are averaged.
    annotations : ndarray, shape (n, a), or table, optional
        What several annotators said: one column for each annotator (−1, ``""`` or None = no
        answer), or a table (Arrow, pandas, dict of columns) with one answer a row in the columns
        ``row_id``, ``annotator``, ``label``.
    dynamics : path-like or Dynamics, optional
        The file of a training run on these labels that `training.DynamicsRecorder` wrote, or an
        object with its ``row_ids`` and ``margins``.
    graph : NeighborGraph, optional
        Neighbors of the same rows; made from `embeddings` when it is needed and not given.
    row_ids : ndarray of str, shape (n,), optional
        Default: those of `embeddings`, or ``"0"``, ``"1"``, ….
    classes : sequence of str, optional
        Class names in the order of the codes. Default: the sorted labels, or the codes as text.
    method : str
        ``"auto"``: all evidence given, turned into the probability of an error; the rows are
        flagged that make the expected F1 highest. Or one method alone, without `annotations` and
        `dynamics`: ``"loo_ridge"`` (closed-form leave-one-out ridge), ``"knn"`` (neighbors'
        votes), ``"logistic"`` (out-of-fold logistic regression), ``"confident"`` (confident
        learning on `pred_probs`, or on the ridge's; flags and scores equal those of cleanlab).
    random_state : int, numpy.random.Generator or None
        Used for folds and approximate search.

    Returns
    -------
    LabelIssues

    Raises
    ------
    InputError
        Without evidence, on unequal lengths, NaN, labels outside `classes`, damaged files.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from curation import find_label_issues
    >>> pixels, labels = load_digits(return_X_y=True)
    >>> labels[7] = 1  # it is a seven
    >>> found = find_label_issues(labels, embeddings=pixels)
    >>> found.suggested_names[7], bool(found.flagged[7])
    ('7', True)
    """
    check_choice("method", method, METHODS)
    inputs = read_inputs(
        labels,
        embeddings=embeddings,
        pred_probs=pred_probs,
        annotations=annotations,
        row_ids=row_ids,
        classes=classes,
    )
    check_evidence(inputs, graph, method, trained=dynamics is not None)
    margins = None if dynamics is None else area_under_margin(dynamics, inputs.row_ids)
    judged = judged_rows(inputs, by_peers=embeddings is not None or graph is not None)
    if not judged.any() or _num_classes(inputs, judged) < 2:
        return _nothing(inputs, "fewer than two classes to tell apart")
    only_vectors = not inputs.pred_probs and inputs.answers is None and margins is None
    if only_vectors and _all_equal(inputs.vectors, judged):
        return _nothing(inputs, "all rows are equal, which says nothing of their labels")
    evidence = gather(inputs, graph, method, random_state)
    if evidence is not None and method == "confident":
        return _decide_confident(inputs, evidence, judged)
    if evidence is not None and not tells_classes(evidence.probs[judged], inputs.labels[judged]):
        if inputs.answers is None and margins is None:
            return _ordered_only(inputs, evidence, judged)
        evidence = None
    return _result(inputs, _believe(inputs, evidence, margins, judged))


def tells_classes(probs: np.ndarray, labels: np.ndarray) -> bool:
    """Tell whether probabilities agree with the labels surely more often than by chance.

    Chance is that of predictions made without looking (Cohen, 1960). Without this test, evidence
    that knows nothing would call most labels wrong, and be sure of it.
    """
    n, num_classes = probs.shape
    predicted = np.bincount(probs.argmax(axis=1), minlength=num_classes) / n
    given = np.bincount(labels, minlength=num_classes) / n
    agreeing = int((probs.argmax(axis=1) == labels).sum())
    return wilson_interval(agreeing, n)[0] > float(predicted @ given)


def judged_rows(inputs: LabelInputs, *, by_peers: bool) -> np.ndarray:
    """Return which rows can be judged: labeled, and, by embeddings, in a class with peers."""
    judged = inputs.labels >= 0
    by_peers &= not inputs.pred_probs and inputs.answers is None
    if by_peers and judged.any():
        sizes = np.bincount(inputs.labels[judged], minlength=len(inputs.classes))
        judged &= sizes[inputs.labels] >= FEWEST_PEERS
    return judged


def _all_equal(vectors: np.ndarray | None, judged: np.ndarray) -> bool:
    return vectors is not None and bool((vectors[judged] == vectors[judged][:1]).all())


def _num_classes(inputs: LabelInputs, judged: np.ndarray) -> int:
    """Count the classes that were given to judged rows, by labels or by answers."""
    if inputs.answer_codes is not None:
        return len(np.unique(np.concatenate([inputs.labels[judged], inputs.answer_codes])))
    return len(np.unique(inputs.labels[judged]))


def _believe(
    inputs: LabelInputs,
    evidence: Evidence | None,
    margins: np.ndarray | None,
    judged: np.ndarray,
) -> Belief:
    """Join all evidence: first what tells classes apart, then what training showed."""
    belief = None
    if inputs.answers is not None:
        belief = _by_answers(inputs, evidence, judged)
    elif evidence is not None:
        belief = by_probs(inputs.labels, evidence, judged)
    if margins is not None:
        return _by_margins(inputs, belief, margins, judged)
    assert belief is not None  # `check_evidence` saw that there is evidence of some kind
    return belief


def _by_answers(inputs: LabelInputs, evidence: Evidence | None, judged: np.ndarray) -> Belief:
    """Take a label for wrong by who said what, with the models as a prior of each row."""
    answers, codes = inputs.answers, inputs.answer_codes
    assert answers is not None
    assert codes is not None
    rows, prior = np.flatnonzero(judged), None
    if evidence is not None and len(np.unique(inputs.labels[rows])) > 1:
        prior = sharpened(evidence.probs)
    posterior = class_posterior(answers, codes, prior, num_classes=len(inputs.classes))
    scores = np.ones(len(judged))
    scores[rows] = posterior[rows, inputs.labels[rows]]
    people = int(answers.annotators.max(initial=-1)) + 1
    how = f"{counted(len(codes), 'answer')} of {counted(people, 'annotator')}"
    how += f" and {evidence.how}" if evidence is not None else ""
    suggested = first_highest(posterior)
    other = suggested[rows] != inputs.labels[rows]
    return Belief(scores, suggested, how, DOUBT, float(other.mean()))


def _by_margins(
    inputs: LabelInputs, belief: Belief | None, margins: np.ndarray, judged: np.ndarray
) -> Belief:
    rows = np.flatnonzero(judged)
    scores = np.ones(len(judged))
    if belief is None:
        scores[rows] = sigmoid(-split_margins(margins[rows]))
        below = float((margins[rows] < 0).mean())
        suggested = np.maximum(inputs.labels, 0)
        return Belief(scores, suggested, "margins during training", DOUBT, below)
    scores[rows] = sigmoid(-add_margins(-logit(belief.scores[rows]), margins[rows]))
    how = f"{belief.how}; margins during training"
    return replace(belief, scores=scores, how=how, measured=False)


def _decide_confident(inputs: LabelInputs, evidence: Evidence, judged: np.ndarray) -> LabelIssues:
    """Score by the given label's probability, and flag by confident learning."""
    from .confident import confident_filter

    rows = np.flatnonzero(judged)
    probs, labels = evidence.probs[rows], inputs.labels[rows]
    scores, flagged = np.ones(len(judged)), np.zeros(len(judged), dtype=bool)
    scores[rows] = probs[np.arange(len(rows)), labels]
    flagged[rows] = confident_filter(labels, probs)
    counts = [flagged.sum(), confident_filter(labels, probs, by="argmax").sum()]
    rate, high = (float(count) / len(rows) for count in counts)
    belief = Belief(scores, evidence.probs.argmax(axis=1), evidence.how, DOUBT)
    # Scores that are no probabilities of an error, and flags without a model of what is right.
    return replace(
        _result(inputs, belief),
        flagged=flagged,
        threshold=0.5,
        noise_rate=NoiseRate(rate, 0.0, max(rate, high)),
        expected_precision=None,
        least_precision=0.0,
        doubt=None,
        none_wrong=0.0,
    )


def _result(inputs: LabelInputs, belief: Belief) -> LabelIssues:
    return issues_of(
        belief, row_ids=inputs.row_ids, labels=inputs.labels, classes=inputs.classes, how=belief.how
    )


def _ordered_only(inputs: LabelInputs, evidence: Evidence, judged: np.ndarray) -> LabelIssues:
    """Order the rows, and flag none: labels may be at fault where evidence disagrees with most.

    An audit can tell. On sets with many wrong labels, the ranking by such evidence is better than
    chance; on others it does no harm.
    """
    belief = by_probs(inputs.labels, evidence, judged)
    why = f"{evidence.how} tells classes apart no better than chance"
    return replace(_nothing(inputs, why), scores=belief.scores, suggested=belief.suggested)


def _nothing(inputs: LabelInputs, why: str) -> LabelIssues:
    n = len(inputs.labels)
    return LabelIssues(
        row_ids=inputs.row_ids,
        labels=inputs.labels,
        classes=inputs.classes,
        scores=np.ones(n),
        suggested=np.maximum(inputs.labels, 0),
        flagged=np.zeros(n, dtype=bool),
        threshold=0.0,
        noise_rate=NoiseRate(0.0, 0.0, 1.0),
        expected_precision=None,
        method=f"nothing to judge: {why}",
        doubt=IGNORANCE,
    )
