"""Writing decided labels into a label column, and taking them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .errors import InputError, check_column
from .fingerprint import fingerprint

if TYPE_CHECKING:
    import datasets


def replace_labels(
    dataset: datasets.Dataset, label: str, decisions: pa.Table, *, undo: bool
) -> datasets.Dataset:
    """Put the new labels of the relabelled rows into column `label`, or with `undo` the old ones.

    Parameters
    ----------
    dataset : datasets.Dataset
    label : str
        Column of strings, integers or ``ClassLabel``; a number is written as in ``str(number)``.
    decisions : pyarrow.Table
        Rows of a manifest in the order of `dataset`.

    Raises
    ------
    InputError
        When a row does not carry the label that was judged (or, with `undo`, the one that was
        written), or when a new label is no class of a ``ClassLabel`` column.
    """
    import datasets as hf

    from .columns import dataset_of, read_column, take_rows

    check_column(label, dataset.column_names, role="label column")
    if dataset._indices is not None:
        dataset = take_rows(dataset, np.arange(len(dataset)))
    feature = dataset.features[label]
    names = feature.names if isinstance(feature, hf.ClassLabel) else None
    field = dataset.data.table.schema.field(label)
    values = read_column(dataset, label).to_pylist()
    before, after = ("new_label", "old_label") if undo else ("old_label", "new_label")
    for row in (
        decisions.append_column("at", pa.array(np.arange(len(decisions))))
        .filter(pc.equal(decisions["action"], "relabel"))
        .to_pylist()
    ):
        present = _written(values[row["at"]], names)
        if present != row[before]:
            raise InputError(
                f"Row {row['row_id']} has the label {present!r}, but the manifest was made for "
                f"{row[before]!r}. Use the original labels."
            )
        values[row["at"]] = _stored(row[after], names, kind=field.type)
    table = dataset.data.table
    position = table.schema.get_field_index(label)
    table = table.set_column(position, field, pa.array(values, field.type))
    key = fingerprint("relabel", dataset._fingerprint, undo, decisions[after].to_pylist())
    return dataset_of(table, dataset.features, like=dataset, key=key)


def _written(value: Any, names: list[str] | None) -> str | None:
    """Return a stored label as the text that a manifest holds."""
    if value is None or (names is not None and value < 0):
        return None
    return names[value] if names is not None else str(value)


def _stored(text: str | None, names: list[str] | None, *, kind: pa.DataType) -> Any:
    """Return the text of a manifest as a column of type `kind` stores it."""
    if names is not None:
        if text is not None and text not in names:
            raise InputError(f"The new label {text!r} is not a class: {', '.join(names)}.")
        return -1 if text is None else names.index(text)
    return int(text) if text is not None and pa.types.is_integer(kind) else text
