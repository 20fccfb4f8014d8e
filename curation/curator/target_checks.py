"""Wrong labels that are no single class: numbers, and sets of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from thresher.core.arrow_kinds import is_list
from thresher.core.choice import Choice
from thresher.core.columns import class_sets, read_column
from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError
from thresher.core.loading.targets import clean_target
from thresher.core.schema import TASKS

from ..labels.multilabel import find_multilabel_issues
from ..labels.multilabel_result import MultilabelIssues
from ..labels.regression import METHODS, find_regression_issues
from ..labels.regression_result import RegressionIssues
from .rows import Rows

TargetIssues = MultilabelIssues | RegressionIssues
ONLY_CLASSES = ("annotations", "dynamics")
LOOK = Choice("review", "a number or a set of classes is never dropped or changed by itself")

# Every number would be a class of one row, which no policy drops.
WITHOUT_CLASSES = {"fewest_per_class": 0}


def check_relabel(task: str, label: str | None) -> None:
    """Refuse to write suggestions where labels are no single class.

    Raises
    ------
    InputError
        For another task than ``"classification"``.
    """
    if task != TASKS[0]:
        raise InputError(
            f"Only classes are relabeled by themselves, and the column {label!r} holds "
            f"{'numbers' if task == 'regression' else 'sets of classes'}. Use 'review'."
        )


def find_target_issues(
    rows: Rows,
    at: np.ndarray,
    *,
    embeddings: Embeddings,
    pred_probs: np.ndarray | None,
    options: Mapping[str, Any],
    random_state: int,
) -> TargetIssues:
    """Judge the labels of some rows by their vectors, or sets of classes by probabilities.

    Parameters
    ----------
    rows : Rows
        With the task ``"regression"`` or ``"multi_label"``.
    at : ndarray of int64, shape (m,)
        The rows to judge, all with a label.
    embeddings : Embeddings
        Of these rows.
    pred_probs : ndarray of float, shape (n, K), optional
        Of all rows and the sorted classes.
    options : mapping
        Of the step ``"label"``.
    random_state : int

    Raises
    ------
    InputError
        For options that are about one class a row.
    """
    of_classes = [name for name in ONLY_CLASSES if options.get(name) is not None]
    if of_classes:
        raise InputError(
            f"`{of_classes[0]}` is about one class a row, and the column {rows.label!r} holds "
            f"{'numbers' if rows.task == 'regression' else 'sets of classes'}."
        )
    method = str(options.get("method", "auto"))
    assert rows.label is not None  # there are labels to judge
    if rows.task == "multi_label":
        sets = _sets(rows, rows.label)
        classes = sorted({name for row in sets if row for name in row})
        return find_multilabel_issues(
            [sets[row] for row in at.tolist()],
            classes=classes,
            embeddings=embeddings if pred_probs is None else None,
            pred_probs=None if pred_probs is None else pred_probs[at],
            row_ids=rows.ids[at],
            method=method,
            random_state=random_state,
        )
    if pred_probs is not None:
        raise InputError(
            f"`pred_probs` are of classes, and the column {rows.label!r} holds numbers: leave them "
            "out; in Python predictions go to curation.find_regression_issues."
        )
    return find_regression_issues(
        _numbers(rows, rows.label)[at],
        embeddings=embeddings,
        row_ids=rows.ids[at],
        method=method if method in METHODS else "auto",
        random_state=random_state,
    )


def _sets(rows: Rows, label: str) -> list[list[str] | None]:
    """Return the classes of each row, None where they are missing."""
    column = read_column(rows.dataset, label)
    if is_list(column.type):
        column = class_sets(rows.dataset, label)
    else:
        column, _, _ = clean_target(column, name=label, task=rows.task)
    sets: list[list[str] | None] = column.to_pylist()
    return sets


def _numbers(rows: Rows, label: str) -> np.ndarray:
    """Return the numbers to predict, float64, shape (n,), NaN where they are missing."""
    column = read_column(rows.dataset, label)
    values, _, _ = clean_target(column, name=label, task=rows.task)
    if values.null_count == len(values) > 0:
        first = next((value for value in column.to_pylist() if value is not None), None)
        raise InputError(f"The label column {label!r} holds no numbers, but {first!r:.40}.")
    return np.asarray(values.to_numpy(), dtype=np.float64)


def describe_targets(found: TargetIssues) -> str:
    """Say how targets were judged."""
    what = "numbers" if isinstance(found, RegressionIssues) else "sets of classes"
    text = f"{found.method}; estimated share of wrong {what}: {found.noise_rate}"
    return (
        f"{text}. To {LOOK.value} them is advised: {LOOK.reason}" if found.flagged.any() else text
    )
