"""``ClassLabel`` columns, stored as codes: their names, and what a file says of its columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def with_class_names(table: pa.Table, features: Mapping[str, Any]) -> pa.Table:
    """Replace ``ClassLabel`` codes by their names; a code below zero, "no label", becomes null."""
    for name, feature in features.items():
        names = getattr(feature, "names", None)
        if names is None or not pa.types.is_integer(table.schema.field(name).type):
            continue
        codes = table.column(name)
        codes = pc.if_else(pc.greater_equal(codes, 0), codes, pa.scalar(None, codes.type))
        values = pa.array(names, pa.string()).take(codes.combine_chunks())
        table = table.set_column(table.column_names.index(name), name, values)
    return table


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
