"""The splits that a source came in and the columns of each, so that clean data come back so.

Rows of several files or splits are worked on as one table. Here it is taken apart again: a split
gets the columns, types and class codes that it had, and not those of the other splits.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..core.arrow_kinds import is_string
from ..core.columns import take_table
from ..core.loaded import GivenPart, LoadedDataset
from .given import as_dataset, given_rows

if TYPE_CHECKING:
    import datasets


@dataclass(frozen=True)
class SplitLayout:
    """One split of a source: its own name, its columns and what is said of them.

    ``titles`` is the first line of its files where that is not its columns' names.
    """

    name: str
    schema: pa.Schema
    features: Mapping[str, Any] = field(default_factory=dict)
    titles: tuple[str, ...] | None = None

    def restore(self, table: pa.Table) -> datasets.Dataset:
        """Return rows of the stacked table, which has the columns of all splits, as they came."""
        columns = {}
        for item in self.schema:
            if item.name in table.column_names:
                feature = self.features.get(item.name)
                columns[item.name] = column_as(table.column(item.name), item.type, feature)
        return as_dataset(pa.table(columns), self.features)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        import datasets

        schema = base64.b64encode(self.schema.remove_metadata().serialize()).decode()
        features = datasets.Features(self.features).to_dict()
        return {
            "name": self.name,
            "schema": schema,
            "features": features,
            "titles": self.titles,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> SplitLayout:
        """Read what `to_json` gave."""
        import datasets

        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(value["schema"])))
        titles = value.get("titles")
        return cls(
            value["name"],
            schema,
            datasets.Features.from_dict(value["features"]),
            None if titles is None else tuple(titles),
        )


def column_as(column: pa.ChunkedArray, kind: pa.DataType, feature: Any = None) -> pa.ChunkedArray:
    """Return a column in another type, class names as codes; as it is where that is impossible."""
    if column.type == kind:
        return column
    names = getattr(feature, "names", None)
    if names is not None and is_string(column.type):
        column = pc.index_in(column, value_set=pa.array(names, column.type))
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return column


def layouts_of(loaded: LoadedDataset) -> tuple[SplitLayout, ...]:
    """Return the splits of a source in their order; none where it has one table or a column."""
    given = given_rows(loaded)
    found: dict[str, list[GivenPart]] = {}
    for part in given.parts:
        if part.split is None:
            return ()
        found.setdefault(part.split, []).append(part)
    return tuple(_layout(name, parts, given.table.schema) for name, parts in found.items())


def _layout(name: str, parts: list[GivenPart], stacked: pa.Schema) -> SplitLayout:
    """Take the columns that a split's files have, with their own types where those agree."""
    names = dict.fromkeys(column for part in parts for column in part.schema.names)
    items, features = [], {}
    for column in names:
        own = [part for part in parts if column in part.schema.names]
        kinds = {part.schema.field(column).type for part in own}
        said = [part.features.get(column) for part in own]
        if len(kinds) > 1 or any(feature != said[0] for feature in said):
            items.append(stacked.field(column))
            continue
        items.append(own[0].schema.field(column))
        if said[0] is not None:
            features[column] = said[0]
    titles = {part.titles for part in parts}
    same = len(titles) == 1 and all(part.schema.names == list(names) for part in parts)
    first = titles.pop() if same else None
    usual = first is None or list(first) == list(names)
    return SplitLayout(name, pa.schema(items), features, None if usual else first)


def split_of_rows(loaded: LoadedDataset) -> np.ndarray:
    """Return the source's own name of each row's split, ndarray of object, shape (m,)."""
    parts = given_rows(loaded).parts
    names = np.array([part.split for part in parts], dtype=object)
    return np.repeat(names, [part.rows for part in parts])


def split_apart(
    rows: datasets.Dataset, names: np.ndarray, layouts: tuple[SplitLayout, ...]
) -> dict[str, datasets.Dataset]:
    """Return each split of `rows` with its own columns; `names` holds the split of each row."""
    table = rows.data.table
    return {
        layout.name: layout.restore(take_table(table, np.flatnonzero(names == layout.name)))
        for layout in layouts
    }
