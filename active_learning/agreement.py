"""One label for each row from the answers of several annotators, for every task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from thresher.core.errors import InputError, check_choice

from .annotators import Consensus
from .opinion_tables import Opinions
from .pool_arrays import plain
from .tasks import TASKS, Task, get_task
from .tasks.registry import WITH_CLASSES


def consensus(
    row_ids: np.ndarray,
    annotators: np.ndarray,
    labels: np.ndarray | Sequence[Any],
    *,
    classes: Sequence[str] | None = None,
    pred_probs: np.ndarray | None = None,
    method: str = "auto",
    task: str | Task = "classification",
) -> Consensus:
    """Find one label for each row from the answers of several annotators.

    Parameters
    ----------
    row_ids, annotators, labels : ndarray or sequence, shape (v,)
        One answer each. An annotator's last answer for a row counts. ``""`` stands for unnamed
        annotators: all of their answers count.
    classes : sequence of str, optional
        Default the labels that occur, sorted.
    pred_probs : ndarray, shape (n, c), optional
        Out-of-fold probabilities of a classifier for the distinct row ids in sorted order; used for
        classification.
    method : str
        For classification ``"majority"``, ``"dawid_skene"`` or ``"crowdlab"``; ``"auto"`` is
        CROWDLAB with `pred_probs`, else Dawid–Skene, or the majority when hardly any row has two
        answers. Several labels: the first two, class by class. Regression: ``"auto"``, a mean that
        trusts steady annotators more, or ``"median"``. Spans and boxes: the majority.
    task : str or Task
        ``"classification"``, ``"multi_label"`` (labels are sets of names), ``"regression"``
        (numbers), ``"spans"`` or ``"boxes"`` (lists of mappings).

    Returns
    -------
    Consensus
        Rows sorted by id; labels as text (JSON for sets and marks).

    Raises
    ------
    InputError
        Also when CROWDLAB is asked for without `pred_probs`.
    """
    if isinstance(task, str):
        task = _task_of(task, labels, classes)
    check_choice("method", method, task.methods)
    texts = [_encoded(task, row_ids, place, label) for place, label in enumerate(labels)]
    opinions = Opinions.of(row_ids, annotators, np.array(texts))
    return task.consensus(opinions, outputs=plain(pred_probs), method=method)


def _task_of(name: str, labels: Sequence[Any] | np.ndarray, classes: Sequence[str] | None) -> Task:
    check_choice("task", name, TASKS)
    if name not in WITH_CLASSES:
        return get_task(name, classes=classes)
    if classes is None:
        classes = sorted({found for label in labels for found in _names_in(label)})
    return WITH_CLASSES[name](tuple(str(given) for given in classes))


def _names_in(label: Any) -> list[str]:
    if isinstance(label, str) or not isinstance(label, Iterable):
        return [str(label)]
    return [str(part["label"] if isinstance(part, dict) else part) for part in label]


def _encoded(task: Task, row_ids: Sequence[str] | np.ndarray, place: int, label: Any) -> str:
    try:
        return task.encode(label.item() if isinstance(label, np.generic) else label)
    except InputError as error:
        row = str(row_ids[place]) if place < len(row_ids) else str(place)
        raise InputError(f"Row {row!r}: {error}") from error
