"""Reading and checking what a search for wrong labels is given."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError

from .annotators import Answers, majority_codes, read_answers

if TYPE_CHECKING:
    from .annotators import Annotations


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
    answers: Answers | None = None
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
    if isinstance(embeddings, np.ndarray):
        embeddings = Embeddings.from_vectors(embeddings)
        own_ids = None
    else:
        own_ids = None if embeddings is None else embeddings.row_ids
    n = None if labels is None else len(labels)
    ids = _row_ids(n, row_ids=row_ids, own=own_ids, others=(embeddings, pred_probs))
    answers = None
    if annotations is not None:
        answers, ids = read_answers(annotations, ids)
    assert ids is not None  # there are labels or annotations, and each has ids
    if embeddings is not None and len(embeddings) != len(ids):
        raise InputError(f"There are {len(ids)} labels, but {len(embeddings)} embeddings.")
    probs = _read_probs(pred_probs, len(ids))
    codes, answer_codes, names = _encode_both(
        labels, answers, classes=classes, width=probs[0].shape[1] if probs else 0, n=len(ids)
    )
    for array in probs:
        if array.shape[1] != len(names):
            raise InputError(
                f"`pred_probs` has {array.shape[1]} columns, but there are {len(names)} classes. "
                "Give `classes` in the order of the columns."
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
        ids = np.asarray(row_ids).astype(str)
        if n is not None and len(ids) != n:
            raise InputError(f"There are {n} labels, but {len(ids)} row ids.")
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
    answers: Answers | None,
    *,
    classes: Sequence[str] | None,
    width: int,
    n: int,
) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """Encode labels and answers by the same classes."""
    if answers is None:
        assert labels is not None
        codes, names = encode_labels(labels, classes=classes, width=width)
        return codes, None, names
    both = answers.labels
    if labels is not None:
        given = np.asarray(labels)
        if (given.dtype.kind in "iub") != (both.dtype.kind in "iub") and len(both) and len(given):
            raise InputError("`labels` and `annotations` must both be codes or both be names.")
        both = np.concatenate([given, both])
    codes, names = encode_labels(both, classes=classes, width=width)
    if labels is not None:
        return codes[:n], codes[n:], names
    return majority_codes(answers, codes, n=n, num_classes=len(names)), codes, names


def encode_labels(
    labels: np.ndarray | Sequence[int] | Sequence[str],
    *,
    classes: Sequence[str] | None = None,
    width: int = 0,
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Turn labels into codes and class names.

    Integers are codes (negative = missing); strings are looked up in `classes`, by default the
    sorted distinct labels (None and ``""`` = missing).

    Raises
    ------
    InputError
        On labels that are no codes and no strings, and on codes or names outside `classes`.
    """
    array = np.asarray(labels)
    if array.ndim != 1:
        raise InputError(f"`labels` must have one dimension, got {array.ndim}.")
    if array.dtype.kind in "iub":
        return _encode_codes(array.astype(np.int64), classes, width)
    if array.dtype.kind == "f":
        raise InputError(
            "`labels` must be integer codes (−1 = missing) or strings, got floats. "
            "Use round codes, or -1 where a label is missing."
        )
    texts = np.array(["" if value is None else str(value) for value in array.tolist()], dtype=str)
    names = tuple(classes) if classes is not None else tuple(np.unique(texts[texts != ""]).tolist())
    code_of = {name: code for code, name in enumerate(names)}
    unknown = sorted(set(texts.tolist()) - set(names) - {""})
    if unknown:
        raise InputError(f"Labels that are not in `classes`: {', '.join(unknown[:5])}.")
    codes = np.array([code_of.get(text, -1) for text in texts.tolist()], dtype=np.int64)
    return codes, names


def _encode_codes(
    codes: np.ndarray, classes: Sequence[str] | None, width: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    codes = np.where(codes < 0, -1, codes)
    needed = max(int(codes.max(initial=-1)) + 1, width)
    names = tuple(map(str, classes if classes is not None else range(needed)))
    if needed > len(names):
        raise InputError(
            f"The labels go up to code {needed - 1}, but `classes` has {len(names)} names."
        )
    return codes, names


def _read_probs(pred_probs: np.ndarray | Sequence[np.ndarray] | None, n: int) -> list[np.ndarray]:
    if pred_probs is None:
        return []
    given = list(pred_probs) if isinstance(pred_probs, (list, tuple)) else [np.asarray(pred_probs)]
    arrays = [np.asarray(array) for array in given]
    for array in arrays:
        if array.ndim != 2 or len(array) != n:
            raise InputError(
                f"`pred_probs` must have the shape ({n}, classes), or be a list of such arrays, "
                f"got {array.shape}."
            )
        if not array.shape[1]:
            raise InputError("`pred_probs` must have at least one column.")
    return [_check_probs(array) for array in arrays]


def _check_probs(array: np.ndarray) -> np.ndarray:
    wide = np.asarray(array, dtype=np.float64 if array.dtype == np.float64 else np.float32)
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
