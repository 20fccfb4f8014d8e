"""Arrays and lists as tables: numbers, texts, or images of 8 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.missing import read_values, text_list


def table_of_array(data: Any, *, name: str) -> pa.Table:
    """Return a table of one column called `name`.

    Parameters
    ----------
    data : array or list
        Numbers, shape (n, d); texts, shape (n,); images uint8, (n, h, w) or (n, h, w, 3).

    Raises
    ------
    InputError
        For other arrays, NaN and infinite numbers; the first row is named.
    """
    values, missing = read_values(data, name="data")
    if values.ndim in (3, 4) and values.dtype == np.uint8:
        return pa.table({name: encoded_images(values)})
    if values.ndim == 1 and values.dtype.kind in "OUST" and not _all_numbers(values, missing):
        return pa.table({name: pa.array(text_list("data", data), pa.large_string())})
    if values.dtype.kind == "c":
        raise InputError("Complex data not supported: give real and imaginary parts as columns.")
    if values.ndim == 1 and values.dtype.kind in "iufbO":
        raise InputError(
            "Rows must be numbers of shape (rows, columns), got one dimension. Reshape your data: "
            "data.reshape(-1, 1) for one column, data.reshape(1, -1) for one row."
        )
    if values.ndim == 2 and not values.shape[1]:
        raise InputError(
            f"There is nothing to look at: 0 feature(s) (shape={values.shape}) while a minimum of "
            "1 is required."
        )
    if values.ndim != 2 or values.dtype.kind not in "iufbO":
        raise InputError(
            "Rows must be numbers of shape (rows, columns), texts, or images of uint8, got "
            f"{values.dtype} of shape {values.shape}."
        )
    return pa.table({name: _numbers(values, missing)})


def _all_numbers(values: np.ndarray, missing: np.ndarray) -> bool:
    there = values[~missing].tolist()
    return bool(there) and all(isinstance(value, (int, float, np.number)) for value in there)


def _numbers(values: np.ndarray, missing: np.ndarray) -> pa.Array:
    """Return lists of equal length, of the numbers' own type."""
    matrix = values.reshape(len(values), -1)
    if matrix.dtype == object:
        try:
            matrix = np.where(missing.reshape(matrix.shape), np.nan, matrix).astype(np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"Rows must be numbers or texts ({error}).") from error
    if matrix.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
        if len(bad):
            raise InputError(
                f"{len(bad)} of {counted(len(matrix), 'row holds', 'rows hold')} NaN or infinity, "
                f"the first at position {bad[0]}. Fill them in or leave them out."
            )
    if matrix.dtype.kind == "b":
        matrix = matrix.astype(np.uint8)
    if matrix.dtype == np.float16:
        matrix = matrix.astype(np.float32)
    # Arrow holds numbers in this machine's order of bytes alone.
    native = matrix.astype(matrix.dtype.newbyteorder("="), copy=False)
    flat = pa.array(np.ascontiguousarray(native).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1])


def encoded_images(images: Any) -> pa.Array:
    """Return images, each uint8, (h, w) or (h, w, 3), as PNG files in a column of images."""
    import cv2

    files = []
    for image in images:
        colors = image.ndim == 3 and image.shape[2] == 3
        if image.ndim == 3 and not colors:
            raise InputError(f"An image must have shape (h, w) or (h, w, 3), got {image.shape}.")
        shown = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if colors else np.ascontiguousarray(image)
        files.append({"bytes": bytes(cv2.imencode(".png", shown)[1].tobytes()), "path": None})
    return pa.array(files, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
