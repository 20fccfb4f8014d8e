"""Numbers of every row, in whatever form a user holds them, as one array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from .errors import InputError
from .missing import read_numbers

LARGEST = 1e140  # whose squares a float holds, and sums of many of them


def as_matrix(name: str, values: Any) -> np.ndarray:
    """Return numbers as a float array, shape (n, d); what is missing becomes NaN.

    Parameters
    ----------
    name : str
        The argument, for messages.
    values : ndarray, tensor, list of rows, sparse matrix, or pandas, polars or Arrow table
        Arrays of float32 and float64 are taken as they are, memory-mapped ones included.

    Raises
    ------
    InputError
        When something is no real number, rows differ in length, or there are not two dimensions.
    """
    array = _array(name, values)
    if array.ndim != 2:
        raise InputError(f"`{name}` must have two dimensions (rows, features), got {array.ndim}.")
    return array


def check_computable(name: str, values: np.ndarray, *, smallest: float = 0.0) -> None:
    """Raise when numbers, NaN aside, are too large to be squared, or all smaller than `smallest`.

    Parameters
    ----------
    name : str
        What the numbers are called in the message.
    values : ndarray of float, any shape
    smallest : float
        Least size of the largest number; zeros alone pass.
    """
    largest = float(np.nanmax(np.abs(values), initial=0.0))
    if largest and not smallest <= largest <= LARGEST:
        raise InputError(
            f"{name} are up to {largest:.3g} in size, beyond what can be computed with. Give them "
            "in another unit."
        )


def _array(name: str, values: Any) -> np.ndarray:
    if isinstance(values, np.ndarray) and not isinstance(values, np.ma.MaskedArray):
        # np.matrix would keep two dimensions wherever one is asked for.
        return _of_floats(name, values if type(values) is np.memmap else np.asarray(values))
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        return _of_floats(name, np.asarray(values.toarray()))
    if hasattr(values, "columns") and (table := _table(values)) is not None:
        columns = [_column(f"{name}[{key}]", table, key) for key in range(table.num_columns)]
        return np.stack(columns, axis=1) if columns else np.empty((table.num_rows, 0))
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        values = values.to_pylist()
    return _of_floats(name, read_numbers(name, values))


def _table(values: Any) -> pa.Table | None:
    """Return a data frame or Arrow table as an Arrow table."""
    if isinstance(values, pa.Table):
        return values
    if type(values).__module__.partition(".")[0] == "pandas":
        # Column names may be numbers, and twice the same; only the order counts here.
        plain = values.set_axis([str(place) for place in range(values.shape[1])], axis=1)
        return pa.Table.from_pandas(plain, preserve_index=False)
    return pa.table(values) if hasattr(values, "__arrow_c_stream__") else None


def _column(name: str, table: pa.Table, place: int) -> np.ndarray:
    return read_numbers(name, table.column(place))


def _of_floats(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind in "biu" or array.dtype == np.float16:
        return array.astype(np.float32 if array.dtype.itemsize < 4 else np.float64)
    if array.dtype.kind != "f":
        if array.dtype.kind not in "OSUT":
            raise InputError(f"`{name}` must be real numbers, got the type {array.dtype}.")
        return read_numbers(name, array)
    if array.dtype.itemsize > 8:
        return array.astype(np.float64)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
