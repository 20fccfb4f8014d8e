"""Find issues of the data set as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from thresher.core.classes import label_texts
from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError, check_number
from thresher.core.matrices import as_matrix
from thresher.core.signatures import checked

from .imbalance import imbalance_issues
from .order import drift, sorted_labels
from .result import CorpusIssue, CorpusIssues
from .shortcuts import shortcut_issues


@checked
def find_corpus_issues(
    labels: np.ndarray | Sequence[Any] | None = None,
    *,
    embeddings: Embeddings | np.ndarray | None = None,
    properties: Mapping[str, np.ndarray] | None = None,
    sure: float = 0.95,
    random_state: int = 0,
) -> CorpusIssues:
    """Find what can spoil a model or its evaluation although every row is sound.

    With labels: class imbalance, classes with too few rows, rows sorted by label. With labels and
    `properties`: shortcuts from a property to the label. With embeddings: content that drifts along
    the order of the rows.

    Parameters
    ----------
    labels : array of str or int, shape (n,), optional
        In the order of the rows; None or ``""`` where missing.
    embeddings : Embeddings or ndarray of float, shape (n, d), optional
    properties : mapping of str to ndarray of float, shape (n,), optional
        What a label should not hang on, such as `QualityIssues.properties` or a number of the
        camera; NaN where not measured. Columns of a table, here, find a leaked target.
    sure : float
        AUC from which a property counts as a shortcut.
    random_state : int

    Returns
    -------
    CorpusIssues

    Raises
    ------
    InputError
        If nothing is given, or shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from curation import find_corpus_issues
    >>> found = find_corpus_issues(np.array(["yes"] * 97 + ["no"] * 3))
    >>> [issue.kind for issue in found.issues]
    ['imbalance', 'few rows']
    """
    check_number("sure", sure, low=0.5, high=1)
    vectors = embeddings.vectors if isinstance(embeddings, Embeddings) else embeddings
    if vectors is not None:
        vectors = as_matrix("embeddings", vectors)
    n = _rows(labels, vectors, properties)
    if vectors is not None and not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise InputError(f"`embeddings` hold a value that is not finite in row {row}.")
    issues: list[CorpusIssue] = []
    checked: dict[str, str] = {}

    def note(check: str, outcome: tuple[list[CorpusIssue], str]) -> None:
        issues.extend(outcome[0])
        checked[check] = outcome[1]

    codes = None
    if labels is not None:
        classes, codes = _codes(labels, n)
        if not classes:
            raise InputError("Every label is missing: leave `labels` out to check the rest.")
        note("balance", imbalance_issues(codes, classes))
        note("sorting", sorted_labels(codes))
        if properties:
            note(
                "shortcuts",
                shortcut_issues(properties, codes, classes, sure=sure, random_state=random_state),
            )
    if vectors is not None:
        note("drift", drift(np.asarray(vectors), codes, random_state=random_state))
    return CorpusIssues(tuple(sorted(issues, key=lambda issue: issue.score)), checked)


def _rows(
    labels: Any, vectors: np.ndarray | None, properties: Mapping[str, np.ndarray] | None
) -> int:
    given = {"labels": labels, "embeddings": vectors, **(properties or {})}
    sizes = {name: len(value) for name, value in given.items() if value is not None}
    if labels is None and vectors is None:
        raise InputError("Give `labels`, `embeddings` or both: there is nothing to check.")
    if len(set(sizes.values())) > 1:
        raise InputError(f"All must have one entry a row, got {sizes}.")
    return next(iter(sizes.values()))


def _codes(labels: Any, n: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the classes, sorted, and each row's place among them, −1 where it has none."""
    names = label_texts(labels, rows=n)
    classes = np.unique(names[names != ""])
    codes = np.full(n, -1)
    codes[names != ""] = np.searchsorted(classes, names[names != ""])
    return tuple(classes.tolist()), codes
