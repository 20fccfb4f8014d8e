"""Evidence from several annotators: what the true class is, given who said what.

Raykar et al., "Learning from Crowds" (2010): the class of a row has a prior from a model (here any
out-of-sample probabilities; without them the class shares, as Dawid and Skene, 1979, have it), and
each annotator is right with a rate of their own in each class. Rates are fitted by expectation
maximization and held near those of the whole crowd, so that annotators with few answers do no harm;
what a wrong answer says is the same for all. Costs O(answers · classes) time a round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from thresher.core.answer_table import AnswerTable
from thresher.core.classes import class_key
from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.missing import read_values, whole_numbers
from thresher.core.numerics.softmax import softmax
from thresher.core.text_arrays import text_array
from thresher.core.ties import first_highest

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    Annotations: TypeAlias = np.ndarray | Mapping[str, Any] | pa.Table | pd.DataFrame

COLUMNS = ("row_id", "annotator", "label")
ROUNDS = 50
TOLERANCE = 1e-4
# Answers' worth of the crowd's rate that each annotator starts from, and of an even spread of
# wrong answers.
PRIOR_ANSWERS = 3.0
LEAST = 1e-4


def read_answers(
    annotations: Annotations,
    row_ids: np.ndarray | None,
    *,
    classes: Sequence[str] | None = None,
) -> AnswerTable:
    """Read a votes array or a long table; see `find_label_issues`.

    Its row ids are those given; without them positions for an array, and the distinct ids of a
    table.

    Raises
    ------
    InputError
        On a wrong shape, a missing column, columns of unequal length, and unknown row ids.
    """
    if isinstance(annotations, np.ndarray):
        return _from_array(annotations, row_ids, classes)
    ids, annotators = (text_array(_column(annotations, name)) for name in COLUMNS[:2])
    labels, given = _given(_column(annotations, COLUMNS[2]), classes)
    lengths = {len(ids), len(annotators), len(labels)}
    if len(lengths) > 1:
        raise InputError(f"The columns {', '.join(COLUMNS)} of `annotations` differ in length.")
    known = np.unique(ids) if row_ids is None else row_ids
    position = {row_id: at for at, row_id in enumerate(known.tolist())}
    unknown = sorted(set(ids.tolist()) - position.keys())
    if unknown:
        raise InputError(f"`annotations` has rows that are not known: {', '.join(unknown[:5])}.")
    rows = np.array([position[row_id] for row_id in ids.tolist()], dtype=np.int64)
    names, people = np.unique(annotators, return_inverse=True)
    return AnswerTable(rows, people, labels, known, names).take(given)


def _from_array(
    votes: np.ndarray, row_ids: np.ndarray | None, classes: Sequence[str] | None
) -> AnswerTable:
    if votes.ndim != 2:
        raise InputError(
            f"`annotations` must have two dimensions (rows, annotators), got {votes.ndim}, or be a "
            f"table with the columns {', '.join(COLUMNS)}."
        )
    known = np.arange(len(votes)).astype(str) if row_ids is None else row_ids
    if len(known) != len(votes):
        raise InputError(
            f"There are {counted(len(known), 'row')}, but "
            f"{counted(len(votes), 'row')} of `annotations`."
        )
    labels, given = _given(votes, classes)
    rows, people = np.nonzero(given)
    names = np.arange(votes.shape[1]).astype(str)
    return AnswerTable(rows, people, labels[rows, people], known, names)


def _column(table: Any, name: str) -> Any:
    try:
        return table[name]
    except (KeyError, IndexError, TypeError) as error:
        raise InputError(
            f"`annotations` must be an array of shape (rows, annotators) or a table with the "
            f"columns {', '.join(COLUMNS)}; {name!r} is missing."
        ) from error


def _given(labels: Any, classes: Sequence[str] | None) -> tuple[np.ndarray, np.ndarray]:
    """Return answers as an array, whole numbers as integers, and which were given at all.

    In an array of votes some are always absent: of integers −1 is none, unless it is a class.
    """
    values, missing = read_values(labels, name="annotations")
    if values.dtype.kind == "f":
        values = whole_numbers("annotations", values, missing, instead="Answers are classes.")
    if values.dtype.kind not in "iu":
        return values, ~missing
    names_it = classes is not None and class_key(-1) in map(class_key, classes)
    if values.ndim == 2 and not names_it and not missing.any():
        return values, np.asarray(values >= 0)
    return values, ~missing


def majority_codes(answers: AnswerTable, codes: np.ndarray, *, num_classes: int) -> np.ndarray:
    """Return the most frequent answer of each row, int64, shape (n,), −1 without any answer.

    Ties go to the class that is more frequent overall.
    """
    if not num_classes:
        return np.full(len(answers.row_ids), -1, dtype=np.int64)
    counts = answers.counts_of(codes, num_classes=num_classes)
    shares = counts.sum(axis=0) / max(1.0, counts.sum())
    return np.where(counts.any(axis=1), first_highest(counts + 0.5 * shares), -1)


def class_posterior(
    answers: AnswerTable, codes: np.ndarray, probs: np.ndarray | None, *, num_classes: int
) -> np.ndarray:
    """Return the probability of each class for each row, float64, shape (n, K).

    Parameters
    ----------
    answers : AnswerTable
    codes : ndarray of int64, shape (v,)
        Class of each answer.
    probs : ndarray of float, shape (n, K), optional
        Prior of each row.
    """
    counts = answers.counts_of(codes, num_classes=num_classes)
    shares = (counts.sum(axis=0) + 1) / (counts.sum() + num_classes)
    start = counts + (shares if probs is None else probs)
    posterior: np.ndarray = start / start.sum(axis=1, keepdims=True)
    prior = np.log(
        np.maximum(np.broadcast_to(shares, start.shape) if probs is None else probs, LEAST)
    )
    for _ in range(ROUNDS):
        updated = _update(answers, codes, posterior, prior)
        moved = np.abs(updated - posterior).max(initial=0)
        posterior = updated
        if moved < TOLERANCE:
            break
    return posterior


def _update(
    answers: AnswerTable, codes: np.ndarray, posterior: np.ndarray, prior: np.ndarray
) -> np.ndarray:
    """Fit the rates to a posterior, shape (n, K), and return the posterior that they give."""
    n, num_classes = posterior.shape
    people = int(answers.annotators.max(initial=-1)) + 1
    hits, asked = np.zeros((people, num_classes)), np.zeros((people, num_classes))
    confused = np.full((num_classes, num_classes), PRIOR_ANSWERS / num_classes)
    for k in range(num_classes):
        belief = posterior[answers.rows, k]
        asked[:, k] = np.bincount(answers.annotators, weights=belief, minlength=people)
        hit = belief * (codes == k)
        hits[:, k] = np.bincount(answers.annotators, weights=hit, minlength=people)
        confused[k] += np.bincount(codes, weights=belief, minlength=num_classes)
    crowd = (hits.sum(axis=0) + 1) / (asked.sum(axis=0) + 1 + 1 / num_classes)
    right = (hits + PRIOR_ANSWERS * crowd) / (asked + PRIOR_ANSWERS)
    right = np.clip(right, LEAST, 1 - LEAST)
    np.fill_diagonal(confused, 0)
    confused /= np.maximum(confused.sum(axis=1, keepdims=True), LEAST)
    logs = prior.copy()
    for k in range(num_classes):
        wrong = np.log(1 - right[answers.annotators, k]) + np.log(
            np.maximum(confused[k, codes], LEAST)
        )
        said = np.where(codes == k, np.log(right[answers.annotators, k]), wrong)
        logs[:, k] += np.bincount(answers.rows, weights=said, minlength=n)
    return softmax(logs)
