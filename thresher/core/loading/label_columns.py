"""Several columns of 0 and 1, one for each class, read as the set of classes that a row has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..arrow_kinds import is_number, is_string
from ..errors import InputError, check_column
from .roles import Wanted
from .several_texts import BETWEEN_NAMES

ON, OFF = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no")


def with_one_label(table: pa.Table, wanted: Wanted) -> tuple[pa.Table, Wanted]:
    """Put one column of sets in the place of those that ``wanted.label`` names with commas.

    A name that is a column itself is that column, whatever commas it has.

    Raises
    ------
    InputError
        When one of several names is no column, or holds something else than 0 and 1.
    """
    label = wanted.label
    if label is None or "," not in label or label in table.column_names:
        return table, wanted
    names = [check_column(name.strip(), table.column_names) for name in label.split(",")]
    sets, name = join_labels(table, names)
    return table.drop_columns(names).append_column(name, sets), replace(wanted, label=name)


def join_labels(table: pa.Table, names: Sequence[str]) -> tuple[pa.Array, str]:
    """Return the names of the columns that are 1 in each row as lists, and the joined name.

    A row in which nothing but gaps stands is null: it has no label.
    """
    if not names:
        raise InputError("`label` is empty: name the label column, or leave it out.")
    states = [_states(table.column(name), name) for name in names]
    on = np.stack([state == 1 for state in states], axis=1)
    known = np.asarray(np.stack([state >= 0 for state in states], axis=1).any(axis=1))
    classes = np.array(names, dtype=object)
    rows = [classes[row].tolist() if there else None for row, there in zip(on, known, strict=True)]
    return pa.array(rows, pa.list_(pa.string())), BETWEEN_NAMES.join(names)


def _states(column: pa.ChunkedArray, name: str) -> np.ndarray:
    """Return 1, 0, and −1 for what is missing, int64, shape (n,)."""
    if not is_string(column.type) and not is_number(column.type):
        raise InputError(f"The label column {name!r} holds {column.type}, not 0 and 1.")
    texts = pc.utf8_lower(pc.utf8_trim_whitespace(column.cast(pa.large_string())))
    states = np.full(len(column), -2, np.int64)
    for values, state in ((ON, 1), (OFF, 0), (("", "nan"), -1)):
        known = pc.is_in(texts, value_set=pa.array(values, texts.type))
        states[known.to_numpy()] = state
    states[texts.is_null().to_numpy()] = -1
    strange = np.flatnonzero(states == -2)
    if len(strange):
        raise InputError(
            f"The label column {name!r} holds {texts[int(strange[0])].as_py()!r}. Of several label "
            "columns each holds 0 and 1, whether a row has its class."
        )
    return states
