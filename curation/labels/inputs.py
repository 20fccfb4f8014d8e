"""Reading and checking what a search for wrong labels is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError


@dataclass(frozen=True)
class LabelInputs:
    """Checked inputs: codes (−1 = missing), class names, and the evidence, all of n rows."""

    row_ids: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    vectors: np.ndarray | None
    pred_probs: list[np.ndarray]


def read_inputs(
    labels: np.ndarray | Sequence[int] | Sequence[str],
    *,
    embeddings: Embeddings | np.ndarray | None,
    pred_probs: np.ndarray | Sequence[np.ndarray] | None,
    row_ids: np.ndarray | None,
    classes: Sequence[str] | None,
) -> LabelInputs:
    """Check shapes, codes, ids and probabilities; see `find_label_issues` for their meaning."""
    probs = _read_probs(pred_probs, len(labels))
    width = probs[0].shape[1] if probs else 0
    codes, names = encode_labels(labels, classes=classes, width=width)
    for array in probs:
        if array.shape[1] != len(names):
            raise InputError(
                f"`pred_probs` has {array.shape[1]} columns, but there are {len(names)} classes. "
                "Give `classes` in the order of the columns."
            )
    vectors, ids = _read_vectors(embeddings, row_ids, len(codes))
    return LabelInputs(ids, codes, names, vectors, probs)


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


def _read_vectors(
    embeddings: Embeddings | np.ndarray | None, row_ids: np.ndarray | None, n: int
) -> tuple[np.ndarray | None, np.ndarray]:
    if isinstance(embeddings, np.ndarray):
        embeddings = Embeddings.from_vectors(embeddings)
        ids = np.arange(n).astype(str)
    elif embeddings is not None:
        ids = embeddings.row_ids
    else:
        ids = np.arange(n).astype(str)
    if embeddings is not None and len(embeddings) != n:
        raise InputError(f"There are {n} labels, but {len(embeddings)} embeddings.")
    if row_ids is not None:
        ids = np.asarray(row_ids).astype(str)
        if len(ids) != n:
            raise InputError(f"There are {n} labels, but {len(ids)} row ids.")
        if len(np.unique(ids)) != n:
            raise InputError("`row_ids` must be unique.")
    return (None if embeddings is None else embeddings.vectors), ids
