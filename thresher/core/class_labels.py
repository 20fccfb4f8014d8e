"""``ClassLabel`` columns, stored as codes: their names, and what a file says of its columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .arrow_kinds import is_list


def with_class_names(table: pa.Table, features: Mapping[str, Any]) -> pa.Table:
    """Replace ``ClassLabel`` codes by their names, also those in lists.

    A code below zero, "no label", becomes null.
    """
    for name, feature in features.items():
        names, column = names_of_classes(feature), table.column(name)
        of_list = is_list(column.type)
        kind = column.type.value_type if of_list else column.type
        if names is None or not pa.types.is_integer(kind):
            continue
        values = named_lists(column, names) if of_list else _named(column, names)
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def names_of_classes(feature: Any) -> list[str] | None:
    """Return the names behind the codes of a column, or of the lists in it; None without any."""
    inner = getattr(feature, "feature", None)
    if inner is None and isinstance(feature, list) and len(feature) == 1:
        inner = feature[0]
    names: list[str] | None = getattr(feature, "names", None) or getattr(inner, "names", None)
    return names


def _named(codes: pa.ChunkedArray, names: list[str]) -> pa.Array:
    inside = pc.if_else(pc.greater_equal(codes, 0), codes, pa.scalar(None, codes.type))
    return pa.array(names, pa.string()).take(inside.combine_chunks())


def named_lists(column: pa.ChunkedArray, names: list[str]) -> pa.Array:
    """Return lists of codes as lists of names."""
    rows = [
        None if row is None else [names[code] for code in row if code is not None and code >= 0]
        for row in column.to_pylist()
    ]
    return pa.array(rows, pa.list_(pa.string()))


def features_in_metadata(table: pa.Table) -> dict[str, Any]:
    """Return the features that the ``datasets`` library has written into a file, by column."""
    metadata = (table.schema.metadata or {}).get(b"huggingface")
    if not metadata or b"features" not in metadata:
        return {}
    import datasets

    features: Mapping[str, Any] = datasets.Features.from_dict(
        json.loads(metadata)["info"]["features"]
    )
    return {name: features[name] for name in table.column_names if name in features}
