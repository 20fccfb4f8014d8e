"""Train, validation and test: taken from the source, or cut by a hash of the row ids."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ..choice import Choice
from ..columns import strings
from ..errors import InputError
from ..fingerprint import row_keys
from ..split_names import SPLIT_NAMES
from ..text_arrays import text_array


def hold_out(keys: np.ndarray, labels: np.ndarray, *, fraction: float, seed: int) -> np.ndarray:
    """Choose test rows, a boolean mask of shape (n,), the same share of each class.

    A row's place depends on its key, its class and the seed alone, so reordering the rows changes
    nothing. Rows of equal key stay together: exact copies are never torn apart.

    Parameters
    ----------
    keys : ndarray of str, shape (n,)
        Row ids, or what copies share.
    labels : ndarray of str, shape (n,)
    fraction : float
        Share of test rows in each class; at least one of a class of two or more.
    """
    test = np.zeros(len(keys), bool)
    if fraction == 0 or not len(keys):
        return test
    order = row_keys(f"{seed}:" + text_array(keys))
    for name in np.unique(labels):
        members = np.flatnonzero(labels == name)
        wanted = min(max(1, round(fraction * len(members))), len(members) - 1)
        if wanted:
            last = np.partition(order[members], wanted - 1)[wanted - 1]
            test[members] = order[members] <= last
    return test


def split_names(column: pa.ChunkedArray, *, name: str) -> np.ndarray:
    """Return a split column with the usual names made one, ndarray of str; null is ``train``."""
    values = strings(column)
    distinct = np.unique(values)
    known = {value: SPLIT_NAMES.get(value.strip().lower()) for value in distinct.tolist()}
    known[""] = "train"
    unknown = [value for value, meaning in known.items() if meaning is None]
    if unknown:
        raise InputError(
            f"The split column {name!r} holds {', '.join(map(repr, unknown[:5]))}. Known names: "
            f"{', '.join(SPLIT_NAMES)}. Rename them, or keep some rows only with `where`."
        )
    result = np.full(len(values), "validation")
    for value in distinct:
        result[values == value] = known[value]
    return result


def complete_splits(
    given: np.ndarray | None,
    *,
    keys: np.ndarray,
    labels: np.ndarray,
    fraction: float,
    seed: int,
) -> tuple[np.ndarray, Choice]:
    """Make sure that there are train and test rows; say how that was done.

    Parameters
    ----------
    given : ndarray of str, shape (n,), or None
        The splits of the source.
    keys, labels : ndarray of str, shape (n,)
        What `hold_out` takes.
    """
    present = set() if given is None else set(given.tolist())
    if given is not None and {"train", "test"} <= present:
        return given, Choice(", ".join(sorted(present)), "as in the source")
    if given is not None and {"train", "validation"} <= present:
        renamed = np.where(given == "validation", "test", given)
        return renamed, Choice(
            "train, test", "no test split: the validation split is the test split"
        )
    test = hold_out(keys, labels, fraction=fraction, seed=seed)
    splits = np.where(test, "test", "train")
    why = (
        "the source has no split" if not present else f"the source has only a {present.pop()} split"
    )
    if fraction == 0:
        return splits, Choice("train", f"{why} and `test_fraction` is 0")
    how = f"{fraction:g} of each class held out for test by a hash of the row ids, seed {seed}"
    return splits, Choice("train, test", f"{why}: {how}")
