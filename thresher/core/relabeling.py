"""Writing decided labels into a label column, and taking them back."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .classes import class_key, same_class
from .errors import InputError, check_column
from .fingerprint import fingerprint

if TYPE_CHECKING:
    import datasets


def replace_labels(
    dataset: datasets.Dataset, label: str, decisions: pa.Table, *, undo: bool
) -> datasets.Dataset:
    """Put the new labels of the relabeled rows into column `label`, or with `undo` the old ones.

    Parameters
    ----------
    dataset : datasets.Dataset
    label : str
        Column of any type that holds classes. A row gets its new class as the column mostly writes
        it; all other rows keep their own spelling.
    decisions : pyarrow.Table
        Rows of a manifest in the order of `dataset`.

    Raises
    ------
    InputError
        When a row does not carry the label that was judged (or, with `undo`, the one that was
        written), or when the column's type cannot hold a new label.
    """
    from .columns import class_names, dataset_of, read_column, take_rows

    check_column(label, dataset.column_names, role="label column")
    if dataset._indices is not None:
        dataset = take_rows(dataset, np.arange(len(dataset)))
    table = dataset.data.table
    position = table.schema.get_field_index(label)
    field = table.schema.field(position)
    stored, named = read_column(dataset, label), class_names(dataset, label).to_pylist()
    values = stored.to_pylist()
    own = own_spellings(values, named)
    before, after = ("new_label", "old_label") if undo else ("old_label", "new_label")
    for row in (
        decisions.append_column("at", pa.array(np.arange(len(decisions))))
        .filter(pc.equal(decisions["action"], "relabel"))
        .to_pylist()
    ):
        if not same_class(named[row["at"]], row[before]):
            raise InputError(
                f"Row {row['row_id']} has the label {named[row['at']]!r}, but the manifest was "
                f"made for {row[before]!r}. Use the original labels."
            )
        key = class_key(row[after])
        if key not in own:
            own[key] = _new_value(row[after], dataset.features[label], kind=field.type)
        values[row["at"]] = own[key]
    table = table.set_column(position, field, column_of(values, field))
    key = fingerprint("relabel", dataset._fingerprint, undo, decisions[after].to_pylist())
    return dataset_of(table, dataset.features, like=dataset, key=key)


def own_spellings(values: list[Any], named: list[str | None]) -> dict[str, Any]:
    """Return for each class how the column itself mostly writes it, by the key of the class."""
    counts = Counter(
        (class_key(name), type(value), value)
        for name, value in zip(named, values, strict=True)
        if name is not None
    )
    rarest_first = sorted(counts.items(), key=lambda item: item[1])
    return {key: value for (key, _, value), _ in rarest_first}


def _new_value(text: str | None, feature: Any, *, kind: pa.DataType) -> Any:
    """Return a class that the column does not hold yet as the column would store it."""
    names = getattr(feature, "names", None)
    if names is not None:
        if text is None:
            return -1
        if text not in names:
            raise InputError(f"The new label {text!r} is not a class: {', '.join(names)}.")
        return names.index(text)
    if text is None:
        return None
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    try:
        return pa.array([text], pa.string()).cast(kind)[0].as_py()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(
            f"The new label {text!r} cannot be written into a column of type {kind}. Turn the "
            "label column into text first."
        ) from error


def column_of(values: list[Any], field: pa.Field) -> pa.Array:
    """Return values as an Arrow column of the type that `field` has."""
    if pa.types.is_dictionary(field.type):
        return pa.array(values, field.type.value_type).dictionary_encode().cast(field.type)
    return pa.array(values, field.type)
