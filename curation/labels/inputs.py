"""Reading and checking what a search for wrong labels is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thresher.core.answer_table import AnswerTable
from thresher.core.classes import (
    class_codes,
    class_lookup,
    class_text,
    texts_of,
    without_code,
)
from thresher.core.counted import counted
from thresher.core.embeddings import Embeddings, as_embeddings
from thresher.core.errors import InputError
from thresher.core.matrices import as_matrix
from thresher.core.missing import id_texts, read_values, whole_numbers

from .annotators import majority_codes, read_answers

if TYPE_CHECKING:
    from .annotators import Annotations

INSTEAD = "Labels are codes or names; for numbers to predict see `find_regression_issues`."
NUMBERS = "iub"  # kinds of arrays whose entries may be codes


@dataclass(frozen=True)
class LabelInputs:
    """Checked inputs: codes (−1 = missing), class names, and the evidence, all of n rows.

    `answers` are those of several annotators, with the class code of each in `answer_codes`.
    """

    row_ids: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    vectors: np.ndarray | None
    pred_probs: list[np.ndarray]
    answers: AnswerTable | None = None
    answer_codes: np.ndarray | None = None


def read_inputs(
    labels: np.ndarray | Sequence[int] | Sequence[str] | None,
    *,
    embeddings: Embeddings | np.ndarray | None,
    pred_probs: np.ndarray | Sequence[np.ndarray] | None,
    annotations: Annotations | None = None,
    row_ids: np.ndarray | None,
    classes: Sequence[str] | None,
) -> LabelInputs:
    """Check shapes, codes, ids and probabilities; see `find_label_issues` for their meaning."""
    if labels is None and annotations is None:
        raise InputError("Give `labels`, or `annotations` to take the most frequent answer from.")
    own_ids = embeddings.row_ids if isinstance(embeddings, Embeddings) else None
    if embeddings is not None:
        embeddings = as_embeddings(embeddings, numbers=True)
    n = None if labels is None else len(labels)
    ids = _row_ids(n, row_ids=row_ids, own=own_ids, others=(embeddings, pred_probs))
    answers = None
    if annotations is not None:
        answers = read_answers(annotations, ids, classes=classes)
        ids = answers.row_ids
    assert ids is not None  # there are labels or annotations, and each has ids
    if embeddings is not None and len(embeddings) != len(ids):
        raise InputError(
            f"There are {counted(len(ids), 'label')}, but {counted(len(embeddings), 'embedding')}."
        )
    probs = _read_probs(pred_probs, len(ids))
    codes, answers, answer_codes, names = _encode_both(
        labels, answers, classes=classes, width=probs[0].shape[1] if probs else 0, n=len(ids)
    )
    for array in probs:
        if array.shape[1] != len(names):
            raise InputError(
                f"`pred_probs` has {counted(array.shape[1], 'column')}, but there are "
                f"{counted(len(names), 'class', 'classes')}. Give `classes` in the order of the "
                "columns."
            )
    vectors = None if embeddings is None else embeddings.vectors
    return LabelInputs(ids, codes, names, vectors, probs, answers, answer_codes)


def _row_ids(
    n: int | None,
    *,
    row_ids: np.ndarray | None,
    own: np.ndarray | None,
    others: Sequence[Sized | None],
) -> np.ndarray | None:
    """Return the ids given, the embeddings' own, or positions; None when nothing tells how many."""
    if row_ids is not None:
        ids = id_texts("row_ids", row_ids)
        if n is not None and len(ids) != n:
            raise InputError(f"There are {counted(n, 'label')}, but {counted(len(ids), 'row id')}.")
        if len(np.unique(ids)) != len(ids):
            raise InputError("`row_ids` must be unique.")
        return ids
    if own is not None and n in (None, len(own)):
        return own
    if n is None:
        first = next((other for other in others if other is not None), None)
        if isinstance(first, (list, tuple)):
            first = first[0] if first else None
        n = None if first is None else len(first)
    return None if n is None else np.arange(n).astype(str)


def _encode_both(
    labels: np.ndarray | Sequence[int] | Sequence[str] | None,
    answers: AnswerTable | None,
    *,
    classes: Sequence[str] | None,
    width: int,
    n: int,
) -> tuple[np.ndarray, AnswerTable | None, np.ndarray | None, tuple[str, ...]]:
    """Encode labels and answers by the same classes; answers that are the code −1 are none."""
    if answers is None:
        codes, names = encode_labels(labels, classes=classes, width=width)
        return codes, None, None, names
    said, silent = read_values(answers.labels, name="annotations")
    if labels is not None:
        given, missing = read_labels(labels)
        if (
            len(said)
            and len(given)
            and (given.dtype.kind in NUMBERS) != (said.dtype.kind in NUMBERS)
        ):
            raise InputError("`labels` and `annotations` must both be codes or both be names.")
        said, silent = np.concatenate([given, said]), np.concatenate([missing, silent])
    codes, names = _encode(said, silent, classes=classes, width=width)
    own, told = (None, codes) if labels is None else (codes[:n], codes[n:])
    there = told >= 0
    answers, told = answers.take(there), told[there]
    if own is None:
        own = majority_codes(answers, told, num_classes=len(names))
    return own, answers, told, names


def encode_labels(
    labels: Any, *, classes: Sequence[str] | None = None, width: int = 0
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Turn labels into codes and class names.

    Which labels are missing and which are one class, `thresher.core.classes` says. Numbers are
    codes where `classes` or a `width` give them a meaning, with −1 for a missing label, unless they
    name the classes, or some are negative and there is a column for each that occurs (−1, 0, 1). In
    all other cases labels are values, and the classes the sorted ones that occur.

    Parameters
    ----------
    labels : array, list or column, shape (n,)
    classes : sequence of str, optional
    width : int
        Number of columns of the probabilities, 0 where there are none.

    Returns
    -------
    codes : ndarray of int64, shape (n,)
        −1 for a missing label.
    classes : tuple of str

    Raises
    ------
    InputError
        On fractions, and on codes or names outside `classes`.
    """
    values, missing = read_labels(labels)
    return _encode(values, missing, classes=classes, width=width)


def read_labels(labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as an array of one dimension, whole numbers as integers, and which miss."""
    values, missing = read_values(labels, name="labels")
    if values.ndim != 1:
        raise InputError(f"`labels` must have one dimension, got {values.ndim}.")
    if values.dtype.kind == "f":
        return whole_numbers("labels", values, missing, instead=INSTEAD), missing
    return values, missing


def _encode(
    values: np.ndarray, missing: np.ndarray, *, classes: Sequence[str] | None, width: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    if values.dtype.kind in NUMBERS:
        if classes is not None:
            texts = texts_of(values, missing, name="labels")
            if not _name_the_classes(texts, classes):
                return _by_code(values, missing, tuple(map(str, classes)))
        elif width:
            distinct = np.unique(values[~missing])
            if len(distinct) != width or distinct[0] >= 0:
                return _by_code(values, missing, None, needed=width)
        else:
            missing = without_code(values, missing)
    texts = texts_of(values, missing, name="labels")
    if classes is not None:
        return class_codes(texts, classes), tuple(map(class_text, classes))
    names = sorted(set(texts.tolist()) - {""}, key=_order(values))
    return class_codes(texts, names), tuple(names)


def _name_the_classes(texts: np.ndarray, classes: Sequence[str]) -> bool:
    lookup = class_lookup(classes)
    return all(text in lookup for text in set(texts.tolist()) - {""})


def _order(values: np.ndarray) -> Callable[[str], Any]:
    """Return what classes are sorted by: whole numbers by their size, all else as text."""
    return int if values.dtype.kind in "iu" else str


def _by_code(
    values: np.ndarray, missing: np.ndarray, classes: tuple[str, ...] | None, *, needed: int = 0
) -> tuple[np.ndarray, tuple[str, ...]]:
    codes = np.where(missing | (values.astype(np.int64) < 0), -1, values.astype(np.int64))
    needed = max(needed, int(codes.max(initial=-1)) + 1)
    if classes is not None and needed > len(classes):
        raise InputError(
            f"The labels go up to code {needed - 1}, but `classes` has "
            f"{counted(len(classes), 'name')}."
        )
    return codes, tuple(map(str, range(needed))) if classes is None else classes


def _read_probs(pred_probs: np.ndarray | Sequence[np.ndarray] | None, n: int) -> list[np.ndarray]:
    if pred_probs is None:
        return []
    several = isinstance(pred_probs, (list, tuple)) and all(_has_rows(part) for part in pred_probs)
    given = list(pred_probs) if several else [pred_probs]
    arrays = [as_matrix("pred_probs", array) for array in given]
    for array in arrays:
        if len(array) != n:
            raise InputError(
                f"`pred_probs` must have the shape ({n}, classes), or be a list of such arrays, "
                f"got {array.shape}."
            )
        if not array.shape[1]:
            raise InputError("`pred_probs` must have at least one column.")
    return [_check_probs(array) for array in arrays]


def _has_rows(part: Any) -> bool:
    """Tell whether a part of a list is a matrix of its own, and not one row of numbers."""
    if hasattr(part, "ndim"):
        return bool(part.ndim == 2)
    return isinstance(part, (list, tuple)) and any(hasattr(item, "__len__") for item in part)


def _check_probs(array: np.ndarray) -> np.ndarray:
    wide = np.asarray(array, dtype=np.float64 if array.dtype == np.float64 else np.float32)
    with np.errstate(over="ignore"):  # told below
        sums = wide.sum(axis=1)
    bad = np.flatnonzero(
        ~np.isfinite(sums) | np.less(wide, 0).any(axis=1) | (np.abs(sums - 1) > 0.02)
    )
    if len(bad):
        raise InputError(
            f"{len(bad)} row(s) of `pred_probs` are no probabilities (NaN, negative, or not "
            f"summing to one), the first at position {bad[0]}. Apply a softmax first."
        )
    return wide


def read_row_ids(
    row_ids: np.ndarray | None, embeddings: Embeddings | np.ndarray | None, n: int
) -> np.ndarray:
    """Return the ids of n rows: those given, those of the embeddings, or positions."""
    own = embeddings.row_ids if isinstance(embeddings, Embeddings) else None
    ids = _row_ids(n, row_ids=row_ids, own=own, others=())
    assert ids is not None  # n is known
    return ids


def check_unit_range(name: str, values: np.ndarray) -> np.ndarray:
    """Return floats, or raise an `InputError` that names the first one outside [0, 1]."""
    wide = np.asarray(values, dtype=np.float64)
    bad = np.argwhere(~((wide >= 0) & (wide <= 1)))
    if len(bad):
        place = ", ".join(map(str, bad[0]))
        raise InputError(
            f"`{name}` must be in [0, 1], got {wide[tuple(bad[0])]} at position ({place})."
        )
    return wide
