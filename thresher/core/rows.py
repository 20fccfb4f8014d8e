"""Row ids that stay with a row for good, and hashes of rows.

Hashing costs one blake2b call a row for texts, files and vectors (about 1 s for a million) and
plain numpy for numbers; columns are then mixed with the finaliser of splitmix64 (Steele, Lea and
Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .arrow_kinds import is_binary, is_number, is_string
from .columns import dataset_of, read_column, read_row_ids, strings, take_rows, with_column
from .errors import InputError, check_column
from .fingerprint import fingerprint
from .numerics.hashing import STEP, splitmix64
from .numerics.ragged import place_in_run
from .schema import ROW_ID, SPLIT, Schema
from .signatures import checked
from .split_names import split_name
from .text_arrays import packed_texts

if TYPE_CHECKING:
    import datasets

Rows = TypeVar("Rows")
# Sixteen digits that are a whole number, or one with an exponent, and the mark of copies.
LIKE_NUMBER = re.compile(r"(?=[\de]{16}(-\d+)?$)\d+(e\d+)?(-\d+)?$")
NULL = STEP


@checked
def with_row_ids(dataset: Rows, *, key: str | None = None) -> Rows:
    """Return the dataset, or each split of a ``DatasetDict``, with a first column ``row_id``.

    Ids are texts and unique, over all splits too. They are those of `key`, or of a ``row_id``
    column that is already there, or else a hash of all columns: 16 hexadecimal digits, with ``-1``,
    ``-2``, … for further exact copies of a row. One that a spreadsheet would take for a number
    begins with a letter (`with_letters`). Such an id depends on the row (and its split) alone, so
    it survives reordering, appending and other files; where the path of an image came from does not
    count, only its bytes do.

    Raises
    ------
    InputError
        When the key column is missing, has empty entries or repeats; the rows are named.

    Examples
    --------
    >>> import datasets
    >>> from thresher.core import with_row_ids
    >>> rows = datasets.Dataset.from_dict({"key": ["a", "b"], "text": ["x", "y"]})
    >>> with_row_ids(rows, key="key")["row_id"][:]
    ['a', 'b']
    """
    given: Any = dataset
    done: Rows
    if isinstance(given, Mapping):
        done = _with_ids_in_splits(given, key)
        return done
    if key is None and ROW_ID in given.column_names:
        key = ROW_ID
    ids = content_ids(given) if key is None else key_ids(given, key)
    done = with_column(given, ROW_ID, pa.array(ids, pa.string()), first=True)
    return done


def _with_ids_in_splits(splits: Mapping[str, Any], key: str | None) -> Any:
    """Give the rows of all splits ids by which `load_dataset` knows them too."""
    import datasets as hf

    from .class_labels import with_class_names

    parts = []
    for name, rows in splits.items():
        taken = take_rows(rows, np.arange(len(rows)))
        named = with_class_names(taken.data.table.replace_schema_metadata(None), rows.features)
        split = pa.array([split_name(str(name))] * len(rows), pa.string())
        parts.append(
            named.append_column(SPLIT, split) if SPLIT not in named.column_names else named
        )
    table = pa.concat_tables(parts, promote_options="permissive")
    features = hf.Features.from_arrow_schema(table.schema)
    ids = with_row_ids(dataset_of(table, features, key="row ids"), key=key)[ROW_ID]
    starts = np.cumsum([0, *(len(rows) for rows in splits.values())]).tolist()
    return hf.DatasetDict(
        {
            name: with_column(rows, ROW_ID, pa.array(ids[start:stop], pa.string()), first=True)
            for (name, rows), (start, stop) in zip(splits.items(), pairwise(starts), strict=True)
        }
    )


def key_ids(dataset: datasets.Dataset, key: str) -> np.ndarray:
    """Return a user's key column as row ids, ndarray of str, shape (n,), or say what is wrong."""
    check_column(key, dataset.column_names, role="row id column")
    ids = strings(read_column(dataset, key))
    empty = np.flatnonzero(ids == "")
    if len(empty):
        raise InputError(
            f"The row id column {key!r} is empty in {len(empty)} row(s), the first at position(s) "
            f"{', '.join(map(str, empty[:5]))}. Fill them, or leave `row_id` out."
        )
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        twice = ", ".join(map(repr, values[counts > 1][:5].tolist()))
        raise InputError(
            f"The row id column {key!r} is not unique: {(counts > 1).sum()} value(s) repeat, such "
            f"as {twice}. Name another column, or leave `row_id` out to use content hashes."
        )
    return ids


def content_ids(dataset: datasets.Dataset) -> np.ndarray:
    """Return ids made from the content of all columns, ndarray of str, shape (n,)."""
    hashes = row_hashes(dataset)
    ids = with_letters(hexadecimal(hashes.reshape(-1, 1)))
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else order
    counter = place_in_run(starts, n=len(ordered))
    copies = np.empty(len(ids), np.int64)
    copies[order] = counter
    repeated = np.flatnonzero(copies)
    result = ids.astype(object)
    result[repeated] = [f"{ids[i]}-{copies[i]}" for i in repeated]
    return result


def with_letters(ids: np.ndarray) -> np.ndarray:
    """Give generated ids that look like a number, such as ``12…34`` and ``12e34``, a letter.

    Their first digit, 0 to 9, becomes g to p: a spreadsheet would round a number of 16 digits.
    """
    result = ids.copy()
    digits = pc.match_substring_regex(pa.array(ids, pa.string()), r"^\d+(e\d+)?(-\d+)?$")
    for place in np.flatnonzero(digits.to_numpy(zero_copy_only=False)).tolist():
        text = str(ids[place])
        if LIKE_NUMBER.match(text):
            result[place] = chr(ord(text[0]) - ord("0") + ord("g")) + text[1:]
    return result


def without_letters(ids: np.ndarray) -> np.ndarray:
    """Return generated ids as they were before `with_letters`, as older files hold them."""
    result = ids.copy()
    for place, text in enumerate(ids.tolist()):
        if text[:1] in "ghijklmnop" and text and LIKE_NUMBER.match("0" + text[1:]):
            result[place] = chr(ord(text[0]) - ord("g") + ord("0")) + text[1:]
    return result


def row_hashes(dataset: datasets.Dataset, columns: Iterable[str] | None = None) -> np.ndarray:
    """Hash each row over some or all columns, ndarray of uint64, shape (n,).

    The order of columns does not count, nor the width of their types.
    """
    names = (
        [name for name in dataset.column_names if name != ROW_ID] if columns is None else columns
    )
    total = np.zeros(len(dataset), np.uint64)
    for name in names:
        salt = np.frombuffer(hashlib.blake2b(name.encode(), digest_size=8).digest(), "<u8")[0]
        total += splitmix64(_column_hashes(read_column(dataset, name)) ^ salt)
    return splitmix64(total)


def dataset_fingerprint(dataset: datasets.Dataset, schema: Schema) -> str:
    """Identify the content of all rows, their ids, their order and the schema."""
    return fingerprint(packed_texts(read_row_ids(dataset)), row_hashes(dataset), schema.to_json())


def _column_hashes(column: pa.ChunkedArray) -> np.ndarray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if is_string(kind):
        return _string_hashes(column)
    if is_number(kind):
        return _number_hashes(column)
    if is_binary(kind):
        return _with_nulls(_digest_binary(column), column)
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        return _file_hashes(column)
    if pa.types.is_fixed_size_list(kind) and is_number(kind.value_type) and not column.null_count:
        return _vector_hashes(column)
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        narrow = pa.types.is_date32(kind) or pa.types.is_time32(kind)
        return _number_hashes(column.cast(pa.int32()) if narrow else column.cast(pa.int64()))
    values = (repr(value).encode() for value in column.to_pylist())
    return _with_nulls(digests(values), column)


def _string_hashes(column: pa.ChunkedArray) -> np.ndarray:
    """Hash each distinct string once."""
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = pa.concat_arrays(encoded.unify_dictionaries().chunks)
    distinct = _digest_binary(pa.chunked_array([encoded.dictionary.cast(pa.large_binary())]))
    codes = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
    hashes = distinct[codes] if len(distinct) else np.zeros(len(codes), np.uint64)
    return _with_nulls(hashes, column)


def _number_hashes(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_floating(column.type):
        values = column.cast(pa.float64()).fill_null(0.0).to_numpy()
        canonical = np.where(np.isnan(values), np.nan, values + 0.0)  # -0 and every NaN are one
        bits = canonical.view(np.uint64)
    elif pa.types.is_decimal(column.type):
        return _string_hashes(column.cast(pa.string()))
    else:
        bits = column.cast(pa.int64(), safe=False).fill_null(0).to_numpy().view(np.uint64)
    return _with_nulls(splitmix64(bits), column)


def _vector_hashes(column: pa.ChunkedArray) -> np.ndarray:
    """Hash vectors by all bits of their numbers; -0 is 0, and every NaN one."""
    width = column.type.list_size
    parts = [np.empty(0, np.uint64)]
    for chunk in column.chunks:
        values = chunk.flatten().to_numpy(zero_copy_only=False)
        if values.dtype.kind == "f":
            zero, odd = values.dtype.type(0), values.dtype.type("nan")
            values = np.where(np.isnan(values), odd, values + zero)
        parts.append(digests(np.ascontiguousarray(values.reshape(len(chunk), width))))
    return np.concatenate(parts)


def _file_hashes(column: pa.ChunkedArray) -> np.ndarray:
    """Hash ``{bytes, path}`` by the bytes; the path counts only where there are none."""
    content = pc.struct_field(column, "bytes")
    hashes = _column_hashes(content)
    if content.null_count and column.type.get_field_index("path") >= 0:
        paths = _column_hashes(pc.struct_field(column, "path"))
        hashes = np.where(content.is_null().to_numpy(), paths, hashes)
    return _with_nulls(hashes, column)


def _digest_binary(column: pa.ChunkedArray) -> np.ndarray:
    """Digest each entry from the Arrow buffers, without making Python objects of them."""
    parts = [np.empty(0, np.uint64)]
    for chunk in column.cast(pa.large_binary()).chunks:
        _, offsets, data = chunk.buffers()
        ends = np.frombuffer(offsets, np.int64)[
            chunk.offset : chunk.offset + len(chunk) + 1
        ].tolist()
        view = memoryview(data) if data is not None else memoryview(b"")
        parts.append(digests(view[a:b] for a, b in pairwise(ends)))
    return np.concatenate(parts)


def digests(values: Iterable[Any], *, size: int = 8) -> np.ndarray:
    """Hash buffers with blake2b, ndarray of uint64, shape (n,) or (n, size / 8)."""
    digest = hashlib.blake2b
    joined = b"".join([digest(value, digest_size=size).digest() for value in values])
    hashes = np.frombuffer(joined, "<u8").astype(np.uint64)
    return hashes if size == 8 else hashes.reshape(-1, size // 8)


def _with_nulls(hashes: np.ndarray, column: pa.ChunkedArray) -> np.ndarray:
    return np.where(column.is_null().to_numpy(), NULL, hashes) if column.null_count else hashes


def hexadecimal(hashes: np.ndarray) -> np.ndarray:
    """Write uint64 hashes, shape (n, w), as lower-case hexadecimal, ndarray of str, shape (n,)."""
    big_endian = np.ascontiguousarray(hashes.astype(">u8"))
    digits = np.frombuffer(big_endian.tobytes().hex().encode(), f"S{16 * hashes.shape[1]}")
    return digits.astype(str)
