"""Label columns of Arrow, of any type, as class names; see `classes`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .classes import Spellings, read_spellings, shorter_time
from .errors import InputError


def arrow_class_names(column: pa.ChunkedArray, *, name: str) -> tuple[pa.ChunkedArray, Spellings]:
    """Return a label column of any type as class names, null for missing, and their spellings.

    Raises
    ------
    InputError
        For lists, structs and the like.
    """
    encoded = _encoded(column, name)
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    labels = _labels_of(encoded.dictionary, name)
    used = np.unique(codes[codes >= 0])
    found = read_spellings([labels[place] for place in used.tolist()])
    names: list[str | None] = [None] * len(labels)
    for place, said in zip(used.tolist(), found.names, strict=True):
        names[place] = said or None
    indices = pa.array(codes, pa.int64(), mask=codes < 0)
    return pa.chunked_array([pa.array(names, pa.string()).take(indices)]), found


def _encoded(column: pa.ChunkedArray, name: str) -> pa.DictionaryArray:
    kind = column.type
    if pa.types.is_run_end_encoded(kind):
        column = pa.chunked_array([pc.run_end_decode(chunk) for chunk in column.chunks])
    if hasattr(kind, "closed"):
        texts = [text for chunk in column.chunks for text in _labels_of(chunk, name)]
        column = pa.chunked_array([pa.array(texts, pa.string())])
    elif isinstance(kind, pa.ExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
    if pa.types.is_string_view(column.type) or pa.types.is_binary_view(column.type):
        wide = pa.large_string() if pa.types.is_string_view(column.type) else pa.large_binary()
        column = column.cast(wide)
    if pa.types.is_nested(column.type):
        what = "lists" if "list" in str(kind) else str(kind)
        raise InputError(
            f"The label column {name!r} holds {what}, where one class a row is needed: choose "
            "another column, or make one row of each label. To collect sets of classes say "
            "task='multi_label'."
        )
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = column.unify_dictionaries().combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    return column


def _labels_of(values: pa.Array, name: str) -> list[Any]:
    """Return distinct stored values as Python labels; intervals as pandas writes them."""
    kind = values.type
    closed = getattr(kind, "closed", None)
    if isinstance(kind, pa.ExtensionType):
        values = values.storage
    if closed is not None:
        begin = "[" if closed in ("left", "both") else "("
        end = "]" if closed in ("right", "both") else ")"
        return [
            None if one is None else f"{begin}{one['left']}, {one['right']}{end}"
            for one in values.to_pylist()
        ]
    if pa.types.is_nested(values.type):
        raise InputError(f"The label column {name!r} holds {kind}. Labels are single values.")
    if pa.types.is_temporal(values.type):
        return [text and shorter_time(text) for text in values.cast(pa.string()).to_pylist()]
    return list(values.to_pylist())
