"""One label for each row from the answers of several annotators, for every task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from thresher.core.classes import class_text, class_texts, texts_of
from thresher.core.errors import InputError, check_choice
from thresher.core.matrices import as_matrix
from thresher.core.missing import id_texts, is_missing, read_values
from thresher.core.signatures import checked
from thresher.core.text_arrays import in_texts

from .annotators.answers import check_columns, table_of
from .annotators.classes import Consensus
from .annotators.gold import judged_by_gold
from .pool.arrays import plain
from .tasks import TASKS, Task, get_task
from .tasks.registry import WITH_CLASSES

# Tasks whose answers are one value each.
SINGLE = ("classification", "regression")


@checked
def consensus(
    row_ids: np.ndarray,
    annotators: np.ndarray,
    labels: np.ndarray | Sequence[Any],
    *,
    classes: Sequence[str] | None = None,
    pred_probs: np.ndarray | None = None,
    method: str = "auto",
    task: str | Task = "classification",
    gold: Mapping[Any, Any] | None = None,
) -> Consensus:
    """Find one label for each row from the answers of several annotators.

    Parameters
    ----------
    row_ids, annotators, labels : ndarray or sequence, shape (v,)
        One answer each; a missing label (None, NaN, ``""``) is no answer, and a row without any is
        left out. An annotator's last answer for a row counts. ``""`` stands for unnamed annotators:
        all of their answers count.
    classes : sequence of str, optional
        Default the labels that occur, sorted.
    pred_probs : ndarray, shape (n, c), optional
        Out-of-fold probabilities of a classifier for the distinct row ids in sorted order; used for
        classification.
    method : str
        For classification ``"majority"`` (ties are broken by `pred_probs`), ``"dawid_skene"``,
        ``"dawid_skene_classifier"`` (the classifier is one more annotator) or ``"crowdlab"``.
        ``"auto"`` chooses by how many people there are and how many rows have several answers: the
        third, CROWDLAB or the majority with `pred_probs`, else Dawid–Skene or the majority.
        Several labels: the first two, class by class. Regression: ``"auto"``, a mean that trusts
        steady annotators more, or ``"median"``. Spans and boxes: the majority.
    task : str or Task
        ``"classification"``, ``"multi_label"`` (labels are sets of names), ``"regression"``
        (numbers), ``"spans"`` or ``"boxes"`` (lists of mappings).
    gold : mapping of row id to class, optional
        Control questions: at least ten rows with answers whose class is known, drawn at random.
        With them scores are probabilities, without them agreement (`Consensus.scores_are`).

    Returns
    -------
    Consensus
        Rows sorted by id; labels as text (JSON for sets and marks).

    Raises
    ------
    InputError
        Also when a method needs `pred_probs` that were not given, and on too few control questions.

    Examples
    --------
    >>> from active_learning import consensus
    >>> rows, people = ["r1", "r1", "r1", "r2"], ["ann", "bo", "cy", "ann"]
    >>> said = consensus(rows, people, ["cat", "cat", "dog", "dog"])
    >>> dict(zip(said.row_ids.tolist(), said.labels.tolist()))
    {'r1': 'cat', 'r2': 'cat'}
    """
    ids, people = id_texts("row_ids", row_ids), id_texts("annotators", annotators, unnamed=True)
    given = _answers(labels, single=getattr(task, "name", task) in SINGLE)
    check_columns(ids, people, given)
    there = np.array([not is_missing(label) for label in given], dtype=bool)
    if isinstance(task, str):
        task = _task_of(task, [label for label in given if not is_missing(label)], classes)
    check_choice("method", method, task.methods)
    texts = [_encoded(task, ids[place], given[place]) for place in np.flatnonzero(there).tolist()]
    opinions = table_of(ids[there], people[there], np.array(texts, dtype=object))
    probs = None if pred_probs is None else as_matrix("pred_probs", plain(pred_probs))
    outputs = _of_answered(probs, ids, opinions.row_ids)
    found = task.consensus(opinions, outputs=outputs, method=method)
    return judged_by_gold(found, opinions, task=task.name, classes=task.classes, gold=gold)


def _answers(labels: Any, *, single: bool) -> list[Any]:
    """Return the answers one by one, those of one class a row as text in one spelling."""
    if not single:
        return list(labels)
    values, missing = read_values(labels, name="labels")
    if values.ndim != 1:
        raise InputError(f"`labels` must be one answer each, shape (v,), got {values.shape}.")
    if values.dtype.kind in "iufb":
        return [None if absent else value for value, absent in zip(values, missing, strict=True)]
    return [text or None for text in texts_of(values, missing, name="labels").tolist()]


def _of_answered(
    outputs: np.ndarray | None, row_ids: np.ndarray, answered: np.ndarray
) -> np.ndarray | None:
    """Return the probabilities of the rows with an answer, where they were given for all."""
    known = np.unique(row_ids)
    if outputs is None or len(outputs) != len(known):
        return outputs
    return np.asarray(np.asarray(outputs)[in_texts(known, answered)])


def _task_of(name: str, labels: Sequence[Any], classes: Sequence[str] | None) -> Task:
    check_choice("task", name, TASKS)
    if name not in WITH_CLASSES:
        return get_task(name, classes=classes)
    if classes is None:
        found = class_texts([part for label in labels for part in _names_in(label)])
        classes = sorted(set(found.tolist()) - {""})
    return WITH_CLASSES[name](tuple(map(class_text, classes)))


def _names_in(label: Any) -> list[Any]:
    if isinstance(label, str) or not isinstance(label, Iterable):
        return [label]
    return [part.get("label") if isinstance(part, dict) else part for part in label]


def _encoded(task: Task, row_id: str, label: Any) -> str:
    try:
        return task.encode(label.item() if isinstance(label, np.generic) else label)
    except InputError as error:
        raise InputError(f"Row {row_id!r}: {error}") from error
