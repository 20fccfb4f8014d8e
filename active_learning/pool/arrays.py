"""Checks of a pool's arrays: lengths, NaN, probabilities, masks. Each error names the row."""

from __future__ import annotations

from typing import Any

import numpy as np

from thresher.core.counted import counted
from thresher.core.embeddings import Embeddings, unit_length
from thresher.core.errors import InputError
from thresher.core.lifted import warn_of_one_direction
from thresher.core.matrices import as_matrix
from thresher.core.missing import id_texts, read_numbers, without_missing

from .instances import Instances
from .probabilities import MANY_LABELS, ONE_LABEL, Kind

SUM_TOLERANCE = 1e-3


def plain(values: Any) -> Any:
    """Return a torch tensor as an array; it is shared where it lies in this machine's memory.

    Everything else is returned as it is.
    """
    if hasattr(values, "detach") and hasattr(values, "cpu"):
        tensor = values.detach().cpu()
        half = tensor.is_floating_point() and tensor.element_size() == 2  # numpy has no bfloat16
        return (tensor.float() if half else tensor).numpy()
    return values


def check_pred_probs(
    pred_probs: np.ndarray, *, row_ids: np.ndarray, kind: Kind = ONE_LABEL
) -> np.ndarray:
    """Return `pred_probs`, shape (n, c), as float32 after checking that they are probabilities.

    Raises
    ------
    InputError
        On NaN, values outside [0, 1], or, for one label a row, rows that do not sum to one within
        0.001.
    """
    probs = as_matrix("pred_probs", pred_probs)
    if not probs.shape[1]:
        raise InputError(f"`pred_probs` must have shape (rows, classes), got {probs.shape}.")
    if probs.dtype != np.float32:
        with np.errstate(over="ignore"):  # told below as no probability
            probs = probs.astype(np.float32)
    if kind is MANY_LABELS:
        return _check_each(probs, row_ids=row_ids)
    sums = probs.sum(axis=1, dtype=np.float64)
    # One comparison that is false for NaN as well.
    fine = (np.abs(sums - 1) <= SUM_TOLERANCE) & (probs.min(axis=1) >= -1e-6)
    if not fine.all():
        bad = np.flatnonzero(~fine)
        raise InputError(
            f"{len(bad)} of {counted(len(probs), 'row')} of `pred_probs` are not probabilities "
            f"that sum to one, first row {str(row_ids[bad[0]])!r} with sum {sums[bad[0]]:.4g}. "
            "Give softmax output, not logits."
        )
    return probs


def _check_each(probs: np.ndarray, *, row_ids: np.ndarray) -> np.ndarray:
    # False for NaN as well.
    fine = ((probs >= -1e-6) & (probs <= 1 + 1e-6)).all(axis=1)
    if not fine.all():
        bad = int(np.flatnonzero(~fine)[0])
        raise InputError(
            f"{int((~fine).sum())} of {counted(len(probs), 'row')} of `pred_probs` are not "
            f"probabilities, first row {str(row_ids[bad])!r}. Give sigmoid output, not logits."
        )
    return np.asarray(np.clip(probs, 0.0, 1.0))


def vectors_and_ids(
    embeddings: np.ndarray | Embeddings | None, row_ids: np.ndarray | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return unit vectors, shape (n, d), and row ids, each None where nothing was given."""
    ids = None if row_ids is None else id_texts("row_ids", row_ids)
    if ids is not None and len(np.unique(ids)) < len(ids):
        values, counts = np.unique(ids, return_counts=True)
        raise InputError(f"Row ids must be unique; {str(values[counts > 1][0])!r} is given twice.")
    if embeddings is None:
        return None, ids
    if isinstance(embeddings, Embeddings):
        if ids is not None and not np.array_equal(ids, embeddings.row_ids):
            raise InputError("`row_ids` differ from the row ids of `embeddings`. Leave them out.")
        return embeddings.vectors, embeddings.row_ids
    vectors = as_matrix("embeddings", embeddings)
    if ids is not None and len(ids) != len(vectors):
        raise InputError(
            f"{counted(len(ids), 'row id was', 'row ids were')} given for "
            f"{counted(len(vectors), 'embedding')}."
        )
    warn_of_one_direction(vectors)
    return unit_length(vectors, row_ids=ids), ids


def mask_of(name: str, value: np.ndarray | None, *, n: int, default: bool) -> np.ndarray:
    """Return a mask of n rows from a mask or positions; all are `default` where there is none."""
    if value is None:
        return np.full(n, default)
    array = without_missing(name, value)
    if array.dtype == object:
        array = without_missing(name, array.tolist())
    if array.dtype == bool:
        if array.shape != (n,):
            raise InputError(
                f"`{name}` must be a mask of {counted(n, 'row')}, got shape {array.shape}."
            )
        return array
    if array.size and _is_mask(array, n):
        return np.asarray(array.astype(bool))
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"`{name}` must be a boolean mask or positions, got dtype {array.dtype}.")
    if array.size and (array.min() < 0 or array.max() >= n):
        raise InputError(
            f"`{name}` must hold positions from 0 to {n - 1}, got {array.min()} to {array.max()}."
        )
    if len(np.unique(array)) < array.size:
        raise InputError(
            f"`{name}` holds the same position several times. Give each row once, or a mask of "
            f"{counted(n, 'row')}."
        )
    mask = np.zeros(n, dtype=bool)
    mask[array.astype(np.int64)] = True
    return mask


def _is_mask(array: np.ndarray, n: int) -> bool:
    """Tell whether numbers are a mask: one for each row, 0 and 1 only, and no distinct positions.

    Each row's position given once can look like that in a pool of one or two rows only.
    """
    if array.shape != (n,) or array.dtype.kind not in "iuf" or not np.isin(array, (0, 1)).all():
        return False
    return len(np.unique(array)) < n or bool(array.max() >= n)


def positive(name: str, value: np.ndarray | None, *, row_ids: np.ndarray, zero: bool) -> np.ndarray:
    """Return float64 numbers, one a row, above 0 or, with `zero`, at least 0; default 1."""
    if value is None:
        return np.ones(len(row_ids))
    array = read_numbers(name, value)
    if array.shape != row_ids.shape:
        raise InputError(
            f"`{name}` must hold {counted(len(row_ids), 'number')}, got shape {array.shape}."
        )
    bad = np.flatnonzero(~(np.isfinite(array) & (array >= 0 if zero else array > 0)))
    if len(bad):
        raise InputError(
            f"`{name}` must be {'at least' if zero else 'above'} 0 and finite, got "
            f"{array[bad[0]]} for row {str(row_ids[bad[0]])!r}."
        )
    return array


def rows_of_members(name: str, value: np.ndarray) -> int:
    """Return n of an array of shape (models, n, classes)."""
    try:
        shape = np.shape(value)
    except ValueError as error:
        raise InputError(
            f"The models of `{name}` must have probabilities of the same shape."
        ) from error
    if len(shape) != 3 or not shape[0]:
        raise InputError(f"`{name}` must have shape (models, rows, classes), got {shape}.")
    return int(shape[1])


def members_of(
    value: np.ndarray | None, *, row_ids: np.ndarray, kind: Kind = ONE_LABEL
) -> np.ndarray | None:
    """Check the probabilities of each model, shape (k, n, c); None stays None."""
    if value is None:
        return None
    members = [check_pred_probs(member, row_ids=row_ids, kind=kind) for member in value]
    if len({member.shape for member in members}) != 1:
        raise InputError("The members of an ensemble must have probabilities of the same shape.")
    return np.stack(members)


def uncertainty_of(
    uncertainty: np.ndarray | Instances | None,
    predictions: np.ndarray | None,
    *,
    row_ids: np.ndarray,
) -> np.ndarray | None:
    """Return one uncertainty a row, shape (n,): given, of instances, or of several predictions."""
    if predictions is not None:
        if uncertainty is not None:
            raise InputError("Give `uncertainty` or `predictions`, not both.")
        return spread(predictions, row_ids=row_ids)
    if uncertainty is None:
        return None
    if isinstance(uncertainty, Instances):
        uncertainty = uncertainty.of_items(row_ids)
    return positive("uncertainty", uncertainty, row_ids=row_ids, zero=True)


def spread(predictions: np.ndarray, *, row_ids: np.ndarray) -> np.ndarray:
    """Return the standard deviation over k models of numbers, shape (k, n); float64, shape (n,)."""
    array = read_numbers("predictions", predictions)
    if array.ndim != 2 or len(array) < 2 or array.shape[1] != len(row_ids):
        raise InputError(
            f"`predictions` must have shape (models, {len(row_ids)}) with two models or more, got "
            f"{array.shape}."
        )
    bad = np.flatnonzero(~np.isfinite(array).all(axis=0))
    if len(bad):
        raise InputError(
            f"`predictions` hold NaN or infinite values, first for row {str(row_ids[bad[0]])!r}."
        )
    return np.asarray(array.std(axis=0))
