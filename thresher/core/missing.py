"""What a missing value is: one rule for every column, array and list that comes in.

Missing are None, NaN of any type, NaT, pandas' NA, masked entries, and text of nothing but white
space. Everything else is a value: −1, 0, False, and the words "nan", "None" and "NA" as well, since
the stored value decides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from .counted import counted
from .errors import InputError
from .tensors import tensor_array

# Python's `str.strip` leaves these in place, and nobody sees them.
INVISIBLE = "\u200b\u2060\ufeff"
NUMBERS = (int, float, np.integer, np.floating)


def is_missing(value: Any) -> bool:
    """Tell whether one value is missing."""
    if value is None or value is np.ma.masked:
        return True
    if isinstance(value, str):
        return not trimmed(value)
    if isinstance(value, (bytes, bytearray)):
        return not value.strip()
    try:
        return bool(value != value)  # NaN and NaT differ from themselves
    except TypeError:  # pandas' NA compares to NA, which is neither true nor false
        return type(value).__name__ == "NAType"
    except (ValueError, ArithmeticError):  # arrays; a signaling NaN of decimals
        return type(value).__name__ == "Decimal"


def trimmed(text: str) -> str:
    """Return a text without white space and invisible marks around it."""
    stripped = text.strip()
    while (stripped[:1] in INVISIBLE and stripped) or (stripped[-1:] in INVISIBLE and stripped):
        stripped = stripped.strip(INVISIBLE).strip()
    return stripped


def read_values(values: Any, *, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Read anything that holds values, and say which of them are missing.

    Parameters
    ----------
    values : ndarray, masked array, list, pandas, polars or Arrow column, or tensor
    name : str
        The argument, for messages.

    Returns
    -------
    values : ndarray, shape (…)
        As given where it was an array; of a list numbers or booleans where all are, else object.
    missing : ndarray of bool, shape (…)

    Raises
    ------
    InputError
        When there is nothing to go through, such as None or a number.
    """
    array, masked = _array_of(values, name)
    if not array.ndim:
        raise InputError(f"`{name}` must be an array, a list or a column, got one value.")
    return array, _missing(array) | masked


def id_texts(name: str, values: Any, *, unnamed: bool = False) -> np.ndarray:
    """Return ids as text, ndarray of str; missing ones are refused, or empty with `unnamed`.

    Whole numbers that a table holds as floats, ``7.0``, are ``"7"``.
    """
    array, missing = read_values(values, name=name)
    if array.ndim != 1:
        raise InputError(f"`{name}` must have one dimension, got {array.ndim}.")
    if missing.any() and not unnamed:
        raise InputError(
            f"`{name}` holds {counted(int(missing.sum()), 'missing id')}, the first at position "
            f"{int(np.flatnonzero(missing)[0])}. Every row needs one."
        )
    if array.dtype.kind == "f" and np.equal(array, np.floor(array))[~missing].all():
        array = np.where(missing, 0, array).astype(np.int64)
    texts = np.array([str(value) for value in array.tolist()], dtype=object)
    texts[missing] = ""
    return texts


def text_list(name: str, values: Any) -> list[str]:
    """Return texts as a list of str, "" for a missing one; refuse everything that is no text."""
    array, missing = read_values(values, name=name)
    if array.ndim != 1:
        raise InputError(f"`{name}` must be one text a row, got shape {array.shape}.")
    texts = ["" if absent else value for value, absent in zip(array.tolist(), missing, strict=True)]
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(
                f"`{name}` must be strings (str or None where missing), got "
                f"{type(text).__name__} at position {place}: {text!r:.60}."
            )
    return texts


def without_missing(name: str, values: Any) -> np.ndarray:
    """Return the values as an array; refuse missing ones, the first of which is named."""
    array, missing = read_values(values, name=name)
    if missing.any():
        first = tuple(np.argwhere(missing)[0].tolist())
        place = first[0] if len(first) == 1 else first
        raise InputError(
            f"`{name}` is missing in {int(missing.sum())} of {counted(missing.size, 'place')}, the "
            f"first at position {place}. Leave these rows out or fill them in."
        )
    return array


def read_numbers(name: str, values: Any) -> np.ndarray:
    """Return numbers as float64, missing ones as NaN; refuse everything that is no number."""
    array, missing = read_values(values, name=name)
    if array.dtype.kind in "cmM":
        raise InputError(f"`{name}` must be real numbers, got the type {array.dtype}.")
    if array.dtype.kind in "iufb":
        numbers = array.astype(np.float64)
    else:
        numbers = np.full(array.shape, np.nan)
        for place in zip(*np.nonzero(~missing), strict=True):
            numbers[place] = _number(array[place], name, place)
    numbers[missing] = np.nan
    return numbers


def whole_numbers(
    name: str, values: np.ndarray, missing: np.ndarray, *, instead: str
) -> np.ndarray:
    """Return floats that are whole as int64, 0 where missing; refuse fractions, and say `instead`.

    Tables hold whole numbers as floats where some are missing.
    """
    filled = np.where(missing, 0.0, values).astype(np.float64)
    fine = np.isfinite(filled) & (filled == np.floor(filled)) & (np.abs(filled) < 2.0**53)
    if not fine.all():
        first = tuple(np.argwhere(~fine)[0].tolist())
        raise InputError(
            f"`{name}` must be whole numbers, got floats such as {filled[first]} at position "
            f"{first[0] if len(first) == 1 else first}. {instead}"
        )
    return filled.astype(np.int64)


def _number(value: Any, name: str, place: tuple[Any, ...]) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        where = ", ".join(str(int(axis)) for axis in place)
        raise InputError(f"`{name}` must be numbers, got {value!r:.80} at {where}.") from error


def _array_of(values: Any, name: str) -> tuple[np.ndarray, Any]:
    """Return an array of the values and the mask that they came with."""
    if isinstance(values, np.ma.MaskedArray):
        return np.asarray(values.data), np.ma.getmaskarray(values)
    if isinstance(values, np.ndarray):
        return values, False
    if hasattr(values, "detach") and hasattr(values, "cpu"):
        return tensor_array(values, name=name), False
    if type(values).__module__.partition(".")[0] == "pandas" and hasattr(values, "dtype"):
        plain = isinstance(values.dtype, np.dtype)
        return np.asarray(values) if plain else _of_list(values.astype(object).tolist()), False
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return _of_list(values.to_pylist()), False
    if hasattr(values, "__arrow_c_stream__"):
        return _of_list(pa.chunked_array(values).to_pylist()), False
    no_column = (str, bytes, dict, memoryview, type)
    if hasattr(values, "__array__") and not isinstance(values, no_column):
        return np.asarray(values), False
    if isinstance(values, no_column) or not hasattr(values, "__iter__"):
        raise InputError(
            f"`{name}` must be an array, a list or a column, got {type(values).__name__}."
        )
    return _of_list(list(values)), False


def _of_list(values: list[Any]) -> np.ndarray:
    """Make an array of Python values, of numbers only where nothing is lost by it."""
    kinds = set(map(type, values))
    if kinds and all(issubclass(kind, (bool, np.bool_)) for kind in kinds):
        return np.array(values, dtype=bool)
    if kinds and all(issubclass(kind, NUMBERS) and kind is not bool for kind in kinds):
        whole = all(issubclass(kind, (int, np.integer)) for kind in kinds)
        made = np.array(values, dtype=None if whole else np.float64)
        if made.dtype.kind in "iuf":
            return made
    if kinds == {np.ndarray} and len({value.shape for value in values}) == 1:
        return np.stack(values)
    if kinds and kinds <= {list, tuple} and len(set(map(len, values))) == 1:
        return np.stack([_of_list(list(value)) for value in values])
    array = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        array[place] = value
    return array


def _missing(array: np.ndarray) -> np.ndarray:
    kind = array.dtype.kind
    if kind in "fc":
        return np.asarray(np.isnan(array))
    if kind in "mM":
        return np.asarray(np.isnat(array))
    if kind in "biu":
        return np.zeros(array.shape, dtype=bool)
    flat = [is_missing(value) for value in array.ravel().tolist()]
    return np.array(flat, dtype=bool).reshape(array.shape)
