"""Whether the rows of a dataset are those of a manifest, and where they stand."""

from __future__ import annotations

import numpy as np

from .errors import InputError
from .text_arrays import texts_beyond


def positions(wanted: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Return where each of `wanted` stands in `present`; both hold the same values once."""
    order = np.argsort(present, kind="stable")
    return np.asarray(order[np.searchsorted(present[order], wanted)])


def check_same_rows(mine: np.ndarray, theirs: np.ndarray) -> None:
    """Raise an `InputError` that names rows unless a manifest and a dataset have the same ones."""
    problems = []
    missing, unknown = texts_beyond(mine, theirs), texts_beyond(theirs, mine)
    if len(missing):
        problems.append(f"{len(missing)} row(s) of the manifest are missing ({_named(missing)})")
    if len(unknown):
        problems.append(f"{len(unknown)} row(s) are not in the manifest ({_named(unknown)})")
    if not problems and len(theirs) != len(mine):
        values, counts = np.unique(theirs, return_counts=True)
        problems.append(f"row id(s) {_named(values[counts > 1])} occur more than once")
    if problems:
        raise InputError(
            f"The dataset is not the one that the manifest was made for: {' and '.join(problems)}. "
            "Apply it to the original rows, once."
        )


def _named(row_ids: np.ndarray) -> str:
    return ", ".join(row_ids[:5]) + (", …" if len(row_ids) > 5 else "")
