"""What rows must have to train on: asked before a run starts, and again of the rows it kept."""

from __future__ import annotations

import numpy as np

from ..core.columns import read_labels, read_splits
from ..core.errors import InputError
from ..core.loaded import LoadedDataset
from ..core.schema import Schema


def check_trainable(loaded: LoadedDataset) -> None:
    """Refuse rows without labels, of a single class, or without labeled test rows.

    Raises
    ------
    InputError
    """
    if loaded.schema.label is None:
        raise InputError(
            "Training needs labels: name the column with --label. To clean the data alone, "
            "use `thresher curate`."
        )
    labels, splits = read_labels(loaded.dataset, loaded.schema), read_splits(loaded.dataset)
    train, test = (labels[(splits == name) & (labels >= 0)] for name in ("train", "test"))
    check_parts(train, test, loaded.schema)


def check_parts(train: np.ndarray, test: np.ndarray, schema: Schema) -> None:
    """Refuse training rows of a single class, and no test rows.

    Parameters
    ----------
    train : ndarray of int64, shape (n,)
        Codes of the labeled training rows.
    test : ndarray, shape (m,)
        One entry for each labeled test row.

    Raises
    ------
    InputError
    """
    present = np.unique(train)
    if len(present) < 2:
        named = ", ".join(schema.classes[code] for code in present) or "none"
        raise InputError(
            f"Training needs rows of at least two classes; the training rows have: {named}."
        )
    if not len(test):
        raise InputError(
            "There are no labeled test rows to measure accuracy on. Give a test split, or leave "
            "out the split column so that one is made (data.test_fraction)."
        )
