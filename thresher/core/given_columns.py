"""Columns of our own tables, made of what a caller gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from .counted import counted
from .errors import InputError
from .missing import read_numbers, read_values


def text_column(name: str, values: Any, *, n: int) -> pa.Array:
    """Return n texts as a string column, missing ones null; all are null for None.

    Raises
    ------
    InputError
        When there are not n, or something is no text.
    """
    if values is None:
        return pa.nulls(n, pa.string())
    array, missing = read_values(values, name=name)
    _check_length(name, array, n)
    listed = array.tolist()
    for place, (value, gone) in enumerate(zip(listed, missing.tolist(), strict=True)):
        if not gone and not isinstance(value, str):
            raise InputError(f"`{name}` must be texts, got {value!r:.80} at position {place}.")
    # An empty text is a text here, as a reason of rows that are kept.
    texts = [v if isinstance(v, str) else None for v in listed]
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError as error:
        raise InputError(
            f"`{name}` holds text with half of a sign, which no file can hold ({error.reason})."
        ) from error


def number_column(name: str, values: Any, *, n: int) -> pa.Array:
    """Return n numbers as a float32 column, missing ones null."""
    numbers = read_numbers(name, values)
    _check_length(name, numbers, n)
    with np.errstate(over="ignore"):
        return pa.array(numbers.astype(np.float32), mask=np.isnan(numbers))


def _check_length(name: str, array: np.ndarray, n: int) -> None:
    if array.shape != (n,):
        raise InputError(
            f"`{name}` must hold one value for each of {counted(n, 'row')}, got {array.shape}."
        )
