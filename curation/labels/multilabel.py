"""Find wrong labels where a row has any number of classes.

Each class is a question of its own, present or absent, judged as any two classes are; a row is as
good as its worst class. With the method ``"confident"`` the flags and scores are those of cleanlab
2.9: confident learning in each class, and a row's score the exponential moving average of its
classes' (Thyagarajan et al., "Identifying Incorrect Annotations in Multi-Label Classification
Data", 2022). Costs K times the search in one class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from thresher.core.counted import counted
from thresher.core.embeddings import Embeddings, as_embeddings
from thresher.core.errors import InputError, check_choice
from thresher.core.matrices import as_matrix
from thresher.core.randomness import RandomState
from thresher.core.signatures import checked
from thresher.core.text_arrays import text_array

from .belief import Belief, by_probs, issues_of
from .curve import IGNORANCE, decide
from .evidence import Evidence, gather, nearest_rows
from .finding import METHODS, find_label_issues, judged_rows
from .inputs import LabelInputs, check_unit_range, read_row_ids
from .label_sets import read_label_sets
from .multilabel_result import MultilabelIssues
from .noise import NoiseRate
from .result import LabelIssues

STATES = ("absent", "present")
# Weight of the worst class in the moving average, as in cleanlab.
FORGETTING = 0.8


@checked
def find_multilabel_issues(
    labels: np.ndarray | Sequence[Sequence[int]] | Sequence[Sequence[str]],
    *,
    pred_probs: np.ndarray | None = None,
    embeddings: Embeddings | np.ndarray | None = None,
    row_ids: np.ndarray | None = None,
    classes: Sequence[str] | None = None,
    method: str = "auto",
    random_state: RandomState = 0,
) -> MultilabelIssues:
    """Find rows with a class too many or too few.

    Parameters
    ----------
    labels : array of int, shape (n, K), or a list of n lists
        Ones and zeros (−1 = not known), or the codes or names of each row's classes.
    pred_probs : ndarray of float, shape (n, K), optional
        Out-of-sample probability of each class; a row need not sum to one.
    embeddings : Embeddings or ndarray, shape (n, d), optional
        Used when no `pred_probs` are given.
    row_ids : ndarray of str, shape (n,), optional
    classes : sequence of str, length K, optional
        Default: the names that occur, sorted, or the codes as text.
    method, random_state
        As in `find_label_issues`.

    Returns
    -------
    MultilabelIssues

    Raises
    ------
    InputError
        Without evidence, on unequal lengths, NaN, probabilities outside [0, 1], unknown classes.

    Examples
    --------
    >>> import numpy as np
    >>> from curation import find_multilabel_issues
    >>> sets = [["cat"], ["dog"], ["cat", "dog"]] * 20
    >>> probs = np.array([[0.95, 0.05], [0.05, 0.95], [0.95, 0.95]] * 20)
    >>> probs[0] = [0.05, 0.95]  # it is a dog
    >>> found = find_multilabel_issues(sets, pred_probs=probs)
    >>> int(found.scores.argmin())
    0
    """
    check_choice("method", method, METHODS)
    if pred_probs is not None:
        pred_probs = as_matrix("pred_probs", pred_probs)
    width = 0 if pred_probs is None else pred_probs.shape[1]
    present, names = read_label_sets(labels, classes=classes, width=width)
    n, num_classes = present.shape
    if not num_classes:
        raise InputError("There are no classes: give `classes`, or labels with at least one.")
    ids = read_row_ids(row_ids, embeddings, n)
    probs = None if pred_probs is None else _read_probs(pred_probs, present.shape)
    if embeddings is not None:
        embeddings = as_embeddings(embeddings, numbers=True)
    if embeddings is not None and len(embeddings) != n:
        raise InputError(
            f"There are {counted(n, 'label')}, but {counted(len(embeddings), 'embedding')}."
        )
    if probs is None and embeddings is None:
        raise InputError("Give `pred_probs` or `embeddings` to judge the labels by.")
    inputs = [
        LabelInputs(
            ids,
            present[:, k],
            STATES,
            None if embeddings is None else embeddings.vectors,
            [] if probs is None else [np.stack([1 - probs[:, k], probs[:, k]], axis=1)],
        )
        for k in range(num_classes)
    ]
    decide = _confident if method == "confident" else _together
    return decide(inputs, names, method=method, random_state=random_state)


def _together(
    inputs: list[LabelInputs],
    names: tuple[str, ...],
    *,
    method: str,
    random_state: RandomState,
) -> MultilabelIssues:
    """Fit one noise model to all classes: rare ones have too few rows for one of their own."""
    ids, shape = inputs[0].row_ids, (len(inputs[0].row_ids), len(inputs))
    probs, judged = np.full((*shape, 2), 0.5), np.zeros(shape, dtype=bool)
    by_peers = not inputs[0].pred_probs
    graph = (
        nearest_rows(inputs[0], random_state) if by_peers and method in ("auto", "knn") else None
    )
    hows, made_for_task = Counter[str](), False
    for k, of_class in enumerate(inputs):
        mine = judged_rows(of_class, by_peers=by_peers)
        if len(np.unique(of_class.labels[mine])) < 2:
            continue
        if graph is None and by_peers and method in ("auto", "knn"):
            graph = nearest_rows(of_class, random_state)
        evidence = gather(of_class, graph, method, random_state)
        assert evidence is not None  # there are probabilities or vectors
        probs[:, k], judged[:, k] = evidence.probs, mine
        made_for_task = evidence.made_for_task
        hows[evidence.how] += 1
    labels = np.stack([of_class.labels for of_class in inputs], axis=1)
    how = _said_of_all(hows)
    evidence = Evidence(probs.reshape(-1, 2), how, made_for_task)
    belief = Belief(np.ones(labels.size), np.maximum(labels.ravel(), 0), how, IGNORANCE)
    if judged.any():
        belief = by_probs(labels.ravel(), evidence, judged.ravel())
    cells = issues_of(
        belief,
        row_ids=_cell_ids(ids, names),
        labels=labels.ravel(),
        classes=STATES,
        how=f"{counted(shape[1], 'class', 'classes')}; {how}",
    )
    table = cells.scores.reshape(shape)
    rates = [_rate(table[judged[:, k], k], cells) for k in range(shape[1])]
    return _issues(cells, ids, names, scores=table.min(axis=1), rates=rates)


def _said_of_all(hows: Counter[str]) -> str:
    """Say how classes are judged, and how many of them where they are judged in several ways."""
    if not hows:
        return "nothing to judge: no class is both set and not set"
    if len(hows) == 1:
        return next(iter(hows))
    return ", ".join(f"{how} ({number} of them)" for how, number in hows.most_common())


def _rate(scores: np.ndarray, cells: LabelIssues) -> NoiseRate:
    """Estimate the share of wrong answers in a class, by what is known of all of them."""
    doubt = IGNORANCE if cells.doubt is None else cells.doubt
    return decide(scores, doubt, none_wrong=cells.none_wrong).noise_rate


def _confident(
    inputs: list[LabelInputs],
    names: tuple[str, ...],
    *,
    method: str,
    random_state: RandomState,
) -> MultilabelIssues:
    """Judge each class by itself, by confident learning."""
    found = [
        find_label_issues(
            of_class.labels,
            pred_probs=of_class.pred_probs or None,
            embeddings=None if of_class.pred_probs else _embeddings(of_class),
            classes=STATES,
            method=method,
            random_state=random_state,
        )
        for of_class in inputs
    ]
    rates = [issues.noise_rate for issues in found]
    whole = [
        float(np.mean([getattr(rate, end) for rate in rates]))
        for end in ("estimate", "low", "high")
    ]
    labels, scores, suggested, flagged = (
        np.stack([getattr(issues, name) for issues in found], axis=1)
        for name in ("labels", "scores", "suggested", "flagged")
    )
    ids = inputs[0].row_ids
    cells = LabelIssues(
        row_ids=_cell_ids(ids, names),
        labels=labels.ravel(),
        classes=STATES,
        scores=scores.ravel(),
        suggested=suggested.ravel(),
        flagged=flagged.ravel(),
        threshold=0.5,
        noise_rate=NoiseRate(*whole),
        expected_precision=None,
        method=f"{counted(len(found), 'class', 'classes')}; {found[0].method}",
    )
    return _issues(cells, ids, names, scores=moving_average(scores), rates=rates)


def _embeddings(inputs: LabelInputs) -> Embeddings:
    assert inputs.vectors is not None  # or there are probabilities
    return Embeddings(inputs.row_ids, inputs.vectors)


def _cell_ids(ids: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    return text_array([f"{row}/{name}" for row in ids.tolist() for name in names])


def _issues(
    cells: LabelIssues,
    ids: np.ndarray,
    names: tuple[str, ...],
    *,
    scores: np.ndarray,
    rates: list[NoiseRate],
) -> MultilabelIssues:
    flagged = np.asarray(cells.flagged.reshape(len(ids), len(names)).any(axis=1))
    return MultilabelIssues(ids, names, scores, flagged, cells, tuple(rates))


def moving_average(scores: np.ndarray) -> np.ndarray:
    """Average each row's scores, shape (n, K), exponentially from the best to the worst."""
    falling = -np.sort(-scores, axis=1)
    average = falling[:, 0] if scores.shape[1] else np.ones(len(scores))
    for k in range(1, scores.shape[1]):
        average = FORGETTING * falling[:, k] + (1 - FORGETTING) * average
    return np.asarray(average)


def _read_probs(pred_probs: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    probs = np.asarray(pred_probs)
    if probs.shape != shape:
        raise InputError(f"`pred_probs` must have the shape {shape}, got {probs.shape}.")
    return check_unit_range("pred_probs", probs)
