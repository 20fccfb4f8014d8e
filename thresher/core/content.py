"""Keys that are equal where the content of rows is: stored values, images, texts.

Texts and images are compared by 128 bits of BLAKE2, columns value by value where hashes agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .arrow_kinds import is_binary, is_list, is_number, is_string
from .columns import read_column, read_texts, take_column
from .errors import InputError
from .fingerprint import fingerprint
from .image_samples import image_digest
from .images import UnreadableImage, image_bytes, map_blocks
from .rows import digests, hexadecimal, row_hashes

if TYPE_CHECKING:
    import datasets


def content_hashes(dataset: datasets.Dataset, columns: str | Sequence[str]) -> np.ndarray:
    """Return hashes that are equal where the content is, ndarray of str (32 digits), shape (n,).

    Images are equal when all their samples are, in all frames, whatever the file format (see
    `thresher.core.image_samples`; a file that cannot be read is equal to the same bytes); texts
    when every character is; features when all stored numbers are, to the last bit (0 and -0 are
    one, so are all NaN).

    Parameters
    ----------
    columns : str or sequence of str
        An image column, a text column, or feature columns.
    """
    names = [columns] if isinstance(columns, str) else list(columns)
    if not names:
        raise InputError("`columns` is empty: name the columns whose content is compared.")
    kind = read_column(dataset, names[0]).type
    if len(names) == 1 and is_string(kind):
        texts = (text.encode() for text in read_texts(dataset, names[0]))
        return hexadecimal(digests(texts, size=16))
    if len(names) == 1 and not is_number(kind) and not is_list(kind):
        return _image_hashes(dataset, names[0])
    for name in names:
        if not _holds_numbers(read_column(dataset, name).type):
            raise InputError(f"The column {name!r} holds no numbers; compare it by itself.")
    return equal_rows(dataset, names)


def _image_hashes(dataset: datasets.Dataset, column: str) -> np.ndarray:
    files = image_bytes(dataset, column)
    blocks = map_blocks(_pixel_digests, files, description="hash images")
    parts = [np.empty((0, 2), np.uint64), *blocks]
    return hexadecimal(np.concatenate(parts))


def _pixel_digests(_: int, files: list[bytes | None]) -> np.ndarray:
    joined = b"".join(_image_key(data or b"") for data in files)
    return np.frombuffer(joined, "<u8").astype(np.uint64).reshape(-1, 2)


def _image_key(data: bytes) -> bytes:
    try:
        return image_digest(data)
    except UnreadableImage:
        return hashlib.blake2b(b"file" + data, digest_size=16).digest()


def equal_rows(dataset: datasets.Dataset, names: Sequence[str]) -> np.ndarray:
    """Return keys that are equal where all stored values of some columns are.

    Rows whose hashes agree are compared value by value, so that no two unlike rows have one key,
    whatever they hash to. 0 and -0 are equal, so are all NaN, and so are missing values.

    Returns
    -------
    ndarray of str, shape (n,)
    """
    keys = hexadecimal(row_hashes(dataset, names).reshape(-1, 1))
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    rows = np.flatnonzero(first[group] != np.arange(len(keys)))
    heads = first[group[rows]]
    same = np.ones(len(rows), bool)
    columns = [_comparable(read_column(dataset, name)) for name in (names if len(rows) else ())]
    for column in columns:
        same &= _equal(take_column(column, rows), take_column(column, heads))
    if same.all():
        return keys
    told_apart = keys.astype("<U34")
    for row in rows[~same].tolist():
        told_apart[row] = f"{keys[row]}-{fingerprint([repr(c[row].as_py()) for c in columns])}"
    return told_apart


def _comparable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column that Arrow compares; lists, structs and others by what they show."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type)
    if is_string(kind) or is_binary(kind) or is_number(kind) or pa.types.is_temporal(kind):
        return column
    return pa.chunked_array([pa.array([repr(value) for value in column.to_pylist()], pa.string())])


def _equal(left: pa.ChunkedArray, right: pa.ChunkedArray) -> np.ndarray:
    equal = pc.equal(left, right).fill_null(False)
    both = pc.and_(left.is_null(), right.is_null())
    if pa.types.is_floating(left.type):
        both = pc.or_(both, pc.and_(pc.is_nan(left), pc.is_nan(right)).fill_null(False))
    return np.asarray(pc.or_(equal, both).to_numpy())


def _holds_numbers(kind: pa.DataType) -> bool:
    return is_number(kind) or (is_list(kind) and is_number(kind.value_type))
