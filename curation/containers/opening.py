"""Whatever rows come in, and the rows that stay as the same kind: index, types and names kept.

Read are datasets, data frames of pandas and polars, Arrow tables, lists of rows or of texts,
arrays, and torch datasets. Each is looked at as a Hugging Face dataset; what is handed back is cut
from the user's own object, in which only relabeled cells change.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from thresher.core.classes import class_key
from thresher.core.columns import class_names, dataset_of, read_row_ids, with_column
from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.fingerprint import fingerprint
from thresher.core.loading.frames import is_arrow, is_frame, is_pandas, is_records, read_frame
from thresher.core.loading.parts import to_column
from thresher.core.manifest import Manifest
from thresher.core.missing import read_values
from thresher.core.relabeling import column_of, own_spellings
from thresher.core.rows import with_row_ids
from thresher.core.schema import SPLIT
from thresher.core.split_names import split_name

from .array_rows import table_of_array
from .torch_rows import is_torch, pick_items, table_of_items

if TYPE_CHECKING:
    import datasets

INPUT, TARGET = "input", "label"
# Cuts rows out of a user's object: which positions stay, and new labels by position.
Cut: TypeAlias = Callable[[np.ndarray, Mapping[int, Any]], Any]


@dataclass(frozen=True)
class Opened:
    """Rows of any kind, opened.

    Attributes
    ----------
    rows : datasets.Dataset
        Without ids of ours.
    label : str or None
        The label column.
    data, y : object
        As they were given; `y` beside the rows, or None.
    """

    rows: datasets.Dataset
    label: str | None
    data: Any
    y: Any = None

    @cached_property
    def dataset(self) -> datasets.Dataset:
        """The rows with the column ``row_id``, which the labels beside them take no part in."""
        named = with_row_ids(self.rows)
        if self.y is None or self.label is None:
            return named
        values, missing = read_values(self.y, name="y")
        cells = [None if gone else v for v, gone in zip(values.tolist(), missing, strict=True)]
        return with_column(named, self.label, to_column(cells)[0])

    def followed_by(self, other: Opened) -> Opened:
        """Return the rows of both; labels beside them become a list."""
        import datasets as hf

        y = None
        if self.y is not None and other.y is not None:
            y = [*read_values(self.y, name="y")[0].tolist(), *read_values(other.y, name="y")[0]]
        return Opened(hf.concatenate_datasets([self.rows, other.rows]), self.label, None, y)

    def apply(self, manifest: Manifest) -> Any:
        """Return the rows that stay, with their new labels, as the kind that was given."""
        if isinstance(self.data, Mapping):
            return manifest.apply(with_row_ids(self.data), label=self.label).dataset
        if _is_dataset(self.data):
            return manifest.apply(self.dataset, label=self.label).dataset
        here = manifest.align(read_row_ids(self.dataset))
        new = {} if self.y is not None else self._new_labels(here)
        return _cutter(self.data, self.label)(np.flatnonzero(here.actions != "drop"), new)

    def apply_to_labels(self, manifest: Manifest) -> Any:
        """Return the labels that were given beside the rows: of those that stay, with new ones."""
        here = manifest.align(read_row_ids(self.dataset))
        kept = np.flatnonzero(here.actions != "drop")
        return _take_labels(self.y, kept, self._new_labels(here))

    def _new_labels(self, here: Manifest) -> dict[int, Any]:
        """Return the new label of each relabeled row, as the column mostly writes it."""
        rows = np.flatnonzero(here.actions == "relabel")
        if not len(rows) or self.label is None or self.label not in self.dataset.column_names:
            return {}
        beside = self.y is not None
        values = read_values(self.y, name="y")[0].tolist() if beside else self._cells()
        own = own_spellings(values, class_names(self.dataset, self.label).to_pylist())
        new = here.table["new_label"].to_pylist()
        return {row: own.get(class_key(new[row]), new[row]) for row in rows.tolist()}

    def _cells(self) -> list[Any]:
        """Return the label column of the user's own object, cell by cell."""
        data, label = self.data, str(self.label)
        if is_pandas(data):
            return list(data.iloc[:, [str(name) for name in data.columns].index(label)])
        if is_records(data):
            return [row.get(label) for row in data]
        if is_arrow(data):
            return list(pa.table(data).column(label).to_pylist())
        return [item[label] if isinstance(item, Mapping) else item[1] for item in pick_items(data)]


def open_rows(data: Any, y: Any = None, *, label: str | None = None) -> Opened:
    """Open rows of any kind.

    Parameters
    ----------
    data : dataset, data frame, Arrow table, list of rows or texts, array, or torch dataset
        A dict of splits keeps its splits, as a column ``split``.
    y : array or column, shape (n,), optional
        Labels beside the rows; `label` names a column of theirs instead.

    Raises
    ------
    InputError
        For anything else, and where there are more or fewer labels than rows.
    """
    if hasattr(y, "__next__"):
        y = list(y)  # an iterator can be gone through once alone
    if y is not None and label is not None:
        raise InputError("Give the labels as `y` or name their column with `label`, not both.")
    rows = _as_dataset(data)
    if y is None:
        if label is None and is_torch(data) and TARGET in rows.column_names:
            label = TARGET
        return Opened(rows, label, data)
    values, _ = read_values(y, name="y")
    if values.shape != (len(rows),):
        raise InputError(
            f"There are {counted(len(rows), 'row')}, but labels of shape {values.shape}."
        )
    name = TARGET
    while name in rows.column_names:
        name = f"{name}_"
    return Opened(rows, name, data, y)


def looked_at(opened: Opened, column: str | Sequence[str] | None) -> str | Sequence[str] | None:
    """Return the columns to look at: those asked for, or the one that an array has become."""
    return INPUT if column is None and INPUT in opened.rows.column_names else column


def _is_dataset(data: Any) -> bool:
    return hasattr(data, "features") and hasattr(data, "info")


def _as_dataset(data: Any) -> datasets.Dataset:
    import datasets as hf

    if hasattr(data, "toarray") and hasattr(data, "nnz"):
        raise InputError("A sparse array is not read: reduce it first, or use data.toarray().")
    if isinstance(data, Mapping):
        return _stacked(data)
    if _is_dataset(data):
        if isinstance(data, hf.IterableDataset):
            raise InputError("A streamed dataset has no rows to go back to: load it whole.")
        return data
    if hasattr(data, "collect"):
        raise InputError(f"A {type(data).__name__} is not computed yet: use data.collect().")
    if isinstance(data, pa.RecordBatchReader):
        raise InputError("A reader of batches can be read once only: use reader.read_all().")
    if hasattr(data, "__next__") or isinstance(data, (set, frozenset)):
        raise InputError(
            f"A {type(data).__name__} has no rows to go back to: use list(data), in an order of "
            "your own."
        )
    if is_frame(data):
        table, _ = read_frame(data)
    elif is_torch(data):
        table = table_of_items(data, names=(INPUT, TARGET))
    else:
        table = table_of_array(data, name=INPUT)
    key = fingerprint("rows", len(table), *table.column_names)
    return dataset_of(table, hf.Features.from_arrow_schema(table.schema), key=key)


def _stacked(splits: Mapping[Any, Any]) -> datasets.Dataset:
    """Put the splits of a ``DatasetDict`` under one another, with a column that tells them."""
    import datasets as hf

    if not splits or not all(_is_dataset(rows) for rows in splits.values()):
        raise InputError(
            "A mapping must be a DatasetDict: splits by name, each a datasets.Dataset. For columns "
            "by name use a DataFrame or datasets.Dataset.from_dict."
        )
    parts = []
    for name, rows in with_row_ids(hf.DatasetDict(splits)).items():
        split = pa.array([split_name(str(name))] * len(rows), pa.string())
        parts.append(rows if SPLIT in rows.column_names else with_column(rows, SPLIT, split))
    try:
        return hf.concatenate_datasets(parts)
    except ValueError as error:
        raise InputError(f"The splits have columns that differ ({error}).") from error


def _cutter(data: Any, label: str | None) -> Cut:
    if is_pandas(data):
        return lambda kept, new: _cut_pandas(data, kept, new, label)
    if is_records(data):
        return lambda kept, new: [
            {**data[row], str(label): new[row]} if row in new else data[row]
            for row in kept.tolist()
        ]
    if is_arrow(data):
        return lambda kept, new: _cut_arrow(data, kept, new, label)
    if is_torch(data):
        from .torch_rows import CleanItems

        return lambda kept, new: CleanItems.of(data, kept.tolist(), dict(new), label)
    if isinstance(data, (list, tuple)):
        return lambda kept, _: type(data)(data[row] for row in kept.tolist())
    if hasattr(data, "take") and not isinstance(data, np.ndarray):  # a column
        return lambda kept, _: data.iloc[kept] if hasattr(data, "iloc") else data.take(kept)
    return lambda kept, _: (data if hasattr(data, "__getitem__") else np.asarray(data))[kept]


def _cut_pandas(data: Any, kept: np.ndarray, new: Mapping[int, Any], label: str | None) -> Any:
    if not new:
        return data.iloc[kept]
    changed = data.copy()
    place = [str(name) for name in data.columns].index(str(label))
    column = changed.iloc[:, place].copy()
    for row, value in new.items():
        column.iloc[row] = value
    changed.isetitem(place, column)
    return changed.iloc[kept]


def _cut_arrow(data: Any, kept: np.ndarray, new: Mapping[int, Any], label: str | None) -> Any:
    if isinstance(data, (pa.Table, pa.RecordBatch)):
        return _take(_relabeled(data, new, label), kept)
    module = importlib.import_module(type(data).__module__.partition(".")[0])
    if not hasattr(module, "Series") or not hasattr(data, "with_columns"):
        return _take(_relabeled(pa.table(data), new, label), kept)
    if new:
        values = data[label].to_list()
        for row, value in new.items():
            values[row] = value
        data = data.with_columns(module.Series(label, values, dtype=data.schema[label]))
    return data[kept.tolist()]


def _take(table: Any, kept: np.ndarray) -> Any:
    """Return rows of an Arrow table; views of text have no kernel for it, and go the long way."""
    columns = []
    for item, column in zip(table.schema, table.columns, strict=True):
        wide = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
        kind = wide.get(item.type, item.type)
        columns.append(column.cast(kind).take(pa.array(kept)).cast(item.type))
    return type(table).from_arrays(columns, schema=table.schema)


def _relabeled(table: Any, new: Mapping[int, Any], label: str | None) -> Any:
    if not new:
        return table
    place = table.schema.get_field_index(str(label))
    values = table.column(place).to_pylist()
    for row, value in new.items():
        values[row] = value
    field = table.schema.field(place)
    return table.set_column(place, field, column_of(values, field))


def _take_labels(y: Any, kept: np.ndarray, new: Mapping[int, Any]) -> Any:
    """Return the labels of the rows that stay, as the kind that was given, with the new ones."""
    if hasattr(y, "iloc"):
        column = y.copy()
        for row, value in new.items():
            column.iloc[row] = value
        return column.iloc[kept]
    if isinstance(y, (list, tuple)):
        return type(y)(new.get(row, y[row]) for row in kept.tolist())
    if isinstance(y, np.ndarray):
        changed = copy(y)
        for row, value in new.items():
            changed[row] = value
        return changed[kept]
    arrow = isinstance(y, (pa.Array, pa.ChunkedArray))
    values: Sequence[Any] = y.to_pylist() if arrow else y.to_list()
    left = [new.get(row, values[row]) for row in kept.tolist()]
    if arrow:
        column = column_of(left, pa.field("y", y.type))
        return column if isinstance(y, pa.Array) else pa.chunked_array([column])
    return type(y)(y.name, left, dtype=y.dtype)  # a series of polars
