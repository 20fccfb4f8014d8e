"""Reading labels of which a row has any number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from thresher.core.classes import class_codes, class_text, class_texts
from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.matrices import as_matrix
from thresher.core.missing import is_missing, read_values, whole_numbers


def read_label_sets(
    labels: np.ndarray | Sequence[Sequence[int]] | Sequence[Sequence[str]],
    *,
    classes: Sequence[str] | None,
    width: int,
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return ones, zeros and −1, int64, shape (n, K), and the class names.

    A row that is missing altogether (None, NaN) is −1 for every class, and a missing entry of a
    row's list is left out.
    """
    if getattr(labels, "ndim", 1) > 2:
        raise InputError("`labels` must have shape (n, K), or hold one list for each row.")
    if getattr(labels, "ndim", 1) == 2 or hasattr(labels, "columns"):
        return _read_indicators(as_matrix("labels", labels), classes)
    if _are_indicators(list(labels)):
        return _read_indicators(np.array([list(row) for row in labels]), classes)
    sets = [_entries(row) for row in labels]
    values = [value for row in sets if row is not None for value in row]
    if all(isinstance(value, (int, np.integer)) for value in values):
        code, names = _codes([int(value) for value in values], classes, width)
    else:
        texts = class_texts(values)
        names = (
            tuple(map(class_text, classes))
            if classes is not None
            else tuple(sorted(set(texts.tolist())))
        )
        code = class_codes(texts, names)
    present = np.zeros((len(sets), len(names)), dtype=np.int64)
    sizes = [0 if row is None else len(row) for row in sets]
    present[np.repeat(np.arange(len(sets)), sizes), code] = 1
    present[[row is None for row in sets]] = -1
    return present, names


def _are_indicators(labels: list[Any]) -> bool:
    """Tell whether rows are zeros and ones for each class: a set would not name a class twice."""
    plain = [row for row in labels if isinstance(row, (list, tuple, np.ndarray))]
    if not plain or len(plain) < len(labels) or len({len(row) for row in plain}) != 1:
        return False
    values = [value for row in plain for value in row]
    whole = all(isinstance(value, (int, np.integer)) and value in (0, 1) for value in values)
    return whole and any(len(set(row)) < len(row) for row in plain)


def _entries(row: Any) -> list[Any] | None:
    """Return the labels of one row; None where nothing is known of it."""
    if isinstance(row, (str, bytes)) or not hasattr(row, "__iter__"):
        if is_missing(row):
            return None
        raise InputError(f"The labels of a row must be a list of classes, got {row!r:.80}.")
    return [value for value in row if not is_missing(value)]


def _codes(
    values: list[int], classes: Sequence[str] | None, width: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    needed = max([value + 1 for value in values] + [width, len(classes or ())])
    names = tuple(map(str, classes if classes is not None else range(needed)))
    strange = sorted({value for value in values if not 0 <= value < len(names)})
    if strange:
        listed = ", ".join(map(str, strange[:5]))
        raise InputError(f"Labels that are not in `classes`: {listed}.")
    return np.array(values, dtype=np.int64), names


def _read_indicators(
    labels: np.ndarray, classes: Sequence[str] | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    names = tuple(map(str, classes if classes is not None else range(labels.shape[1])))
    if len(names) != labels.shape[1]:
        raise InputError(
            f"`labels` has {counted(labels.shape[1], 'column')}, `classes` "
            f"{counted(len(names), 'name')}."
        )
    values, missing = read_values(labels, name="labels")
    if values.dtype.kind == "O" and not missing.all():
        values = np.where(missing, np.nan, values).astype(np.float64)
    if values.dtype.kind == "f":
        instead = "They say 1, 0 or, where it is not known, NaN or -1."
        values = whole_numbers("labels", values, missing, instead=instead)
    known = np.where(missing, -1, values)
    if not np.isin(known, (-1, 0, 1)).all():
        raise InputError("`labels` of shape (n, K) must hold 0, 1, or -1 where it is not known.")
    return known.astype(np.int64), names
