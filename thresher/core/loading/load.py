"""`load_dataset`: read, settle the columns, check every row, split, and set bad rows aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..choice import Choice
from ..columns import dataset_of, strings, take_table
from ..errors import InputError, check_number
from ..issues import Issue, Issues
from ..rows import content_ids, dataset_fingerprint, key_ids
from ..schema import ROW_ID, SPLIT, GivenRows, LoadedDataset, Schema
from ..signatures import checked
from .cells import (
    Reasons,
    clean_features,
    clean_labels,
    clean_texts,
    first_reason,
    no_reasons,
    single_row_classes,
    usable,
    without_markers,
)
from .class_labels import with_class_names
from .image_cells import clean_images
from .parts import Source, bad_row, stacked
from .roles import Roles, Wanted, choose_roles
from .several_texts import with_one_text
from .sources import keep_where, locate, read_source, split_of_parts
from .splits import complete_splits, split_names
from .table_form import TableForm


@checked
def load_dataset(
    source: Any,
    *,
    label: str | None = None,
    text: str | None = None,
    image: str | None = None,
    features: Sequence[str] | None = None,
    split: str | None = None,
    row_id: str | None = None,
    where: Mapping[str, Any] | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    max_unpacked: float | None = None,
    na: Sequence[str] = (),
    keep_unlabeled: bool = False,
    seed: int = 0,
    test_fraction: float = 0.2,
) -> LoadedDataset:
    """Load rows from anywhere, check each of them and say what was guessed.

    Parameters
    ----------
    source : str, path, mapping, list of paths, datasets.Dataset, DatasetDict or DataFrame
        * a folder of images, ``class/name.jpg`` or ``train/class/name.jpg``;
        * a Parquet, CSV, TSV, JSON Lines or JSON file, a tar file in the WebDataset layout, a
          pattern such as ``"data/*.csv"``, or a folder of such files, whose names may say the split
          (``train.parquet``);
        * a folder written by ``save_to_disk``, or ``owner/name`` on the Hugging Face Hub;
        * ``{"train": …, "test": …}``, or the same as text: ``"train=a.csv,test=b.csv"``;
        * ``"digits"``, which is built in.
    label, text, image, split, row_id : str, optional
        Columns of these roles; each is guessed when left out. ``label="none"``: there is no label.
        `text` may name several columns, ``"name,street,city"``, which are then taken as one text.
    features : sequence of str, optional
        Numeric columns, or columns of equally long lists of numbers.
    where : mapping, optional
        Keep the rows with these values only: ``{"dataset": "banking77"}``; a list allows several.
    delimiter : str, optional
        What stands between the columns of files of delimited text, one character or ``"tab"``;
        found out when left out.
    header : bool, optional
        Whether the first line of such files names the columns; found out when left out. Columns
        without a name are called ``column_1``, ``column_2``, … by their place.
    encoding : str, optional
        Of files of text, such as ``"gb18030"``; found out when left out, and asked for where that
        is not certain.
    max_unpacked : float, optional
        GiB to which a packed file may unpack; by default 200 times its size, and 256 MiB always.
    na : sequence of str
        Entries of text columns that stand for a missing value, such as ``"?"``, beside empty ones.
    keep_unlabeled : bool
        Keep training rows without a label (null) and rows alone in their class instead of setting
        them aside, and take no label where several columns could be it. Where `test_fraction` is 0,
        so that nothing is to be judged on them, test rows without a label stay too.
    seed : int
        Of the split, where the source has none.
    test_fraction : float
        Share of each class held out for test, in [0, 1), where the source has no test rows.

    Returns
    -------
    LoadedDataset
        Usable rows in the order of the source; ``set_aside`` names every other one with its reason;
        ``choices`` says what was guessed and why.

    Raises
    ------
    InputError
        When a column is missing or its role unclear, or when no usable row is left.
    """
    check_number("test_fraction", test_fraction, low=0, high=0.99)
    form = TableForm(delimiter, header, encoding, _in_bytes(max_unpacked))
    found = keep_where(read_source(source, form), where)
    wanted = Wanted(label, text, image, features, split, row_id)
    if not any(len(part.table) for part in found.parts):
        raise InputError(_nothing_left(found.origin, found.bad))
    stored, declared = stacked(found.parts)
    table = without_markers(with_class_names(stored, declared), na)
    table, wanted = with_one_text(table, wanted)
    roles = choose_roles(
        table,
        _settled(wanted, found),
        folders=dict.fromkeys(part.folder for part in found.parts),
        needs_label=not keep_unlabeled,
    )
    loaded = _check(table, found, roles, keep_unlabeled=keep_unlabeled, split=(test_fraction, seed))
    assert loaded.given is not None  # _check has put it there
    own = _as_stored(loaded.given.table, stored)
    given = replace(loaded.given, table=own, features=declared, titles=_titles(found))
    choices = {**loaded.choices, **_as_given(delimiter, header, na)}
    return replace(loaded, given=given, choices=choices)


def _as_stored(table: pa.Table, stored: pa.Table) -> pa.Table:
    """Return the columns of the source: images with their bytes, the others as they are stored."""
    own = table.select(stored.column_names)
    for item in table.select(stored.column_names).schema:
        if not pa.types.is_struct(item.type):
            own = _replaced(own, item.name, stored.column(item.name))
    return own


def _in_bytes(gibibytes: float | None) -> int | None:
    if gibibytes is None:
        return None
    return max(1, round(check_number("max_unpacked", gibibytes, low=0, low_open=True) * 2**30))


def _titles(found: Source) -> tuple[str, ...] | None:
    """Return the names of the columns as all files of delimited text have them."""
    known = {(part.titles, tuple(part.table.column_names)) for part in found.parts}
    return known.pop()[0] if len(known) == 1 else None


def _as_given(delimiter: str | None, header: bool | None, na: Sequence[str]) -> dict[str, Choice]:
    """Return what was said of delimited text as choices, whatever the files are."""
    said = {"delimiter": None if delimiter is None else repr(TableForm(delimiter).delimiter)}
    said["header"] = None if header is None else ("first line" if header else "none")
    said["missing values"] = ", ".join(map(repr, na)) or None
    return {name: Choice(value, "given") for name, value in said.items() if value is not None}


def _settled(wanted: Wanted, found: Source) -> Wanted:
    """Fill in the roles that the source itself knows, where the user gave none."""
    known: dict[str, Any] = {
        role: column for role, column in found.roles.items() if getattr(wanted, role) is None
    }
    if wanted.text or wanted.features:
        known.pop("image", None)
    return replace(wanted, **known)


def _check(
    table: pa.Table,
    found: Source,
    roles: Roles,
    *,
    keep_unlabeled: bool,
    split: tuple[float, int],
) -> LoadedDataset:
    raw = table
    table, bad_inputs = _clean_inputs(table, found, roles)
    if roles.modality == "image":
        raw = _replaced(raw, roles.inputs[0], table.column(roles.inputs[0]))
    labels, bad_labels, spellings = _clean_label(table, roles)
    given = _given_splits(table, found, roles)
    ids, keys = _row_ids(table, roles, given)
    if keep_unlabeled:
        bad_labels[slice(None) if given is None or split[0] == 0 else given == "train"] = None
    reasons = first_reason(bad_inputs, bad_labels)
    if roles.label is not None and not keep_unlabeled:
        reasons = first_reason(reasons, single_row_classes(labels, usable(reasons)))
    keep = np.flatnonzero(usable(reasons))
    bad = found.bad + _set_aside(ids, reasons, found)
    if not len(keep):
        raise InputError(_nothing_left(found.origin, bad))
    names = strings(labels)[keep]
    splits, why = complete_splits(
        None if given is None else given[keep],
        keys=keys[keep],
        labels=names,
        fraction=split[0],
        seed=split[1],
    )
    if keep_unlabeled and roles.label is not None and split[0] > 0:
        splits = np.where(names == "", "train", splits)
    schema = Schema(
        roles.modality,
        roles.inputs,
        roles.label,
        tuple(sorted(set(names.tolist()) - {""})) if roles.label else (),
    )
    columns = {ROW_ID: pa.array(ids[keep], pa.string()), SPLIT: pa.array(splits, pa.string())}
    if roles.label is not None:
        table = _replaced(table, roles.label, labels)
    loaded = _assemble(
        columns,
        take_table(table, keep),
        schema=schema,
        origin=found.origin,
        bad=bad,
        choices={**found.choices, **roles.choices, **spellings, "split": why},
    )
    parts = tuple(part.given() for part in found.parts)
    return replace(loaded, given=GivenRows(raw, ids, keep, parts=parts))


def _clean_inputs(table: pa.Table, found: Source, roles: Roles) -> tuple[pa.Table, Reasons]:
    """Return the table with its input columns cleaned, and why rows are bad."""
    if roles.modality == "image":
        name = roles.inputs[0]
        images, reasons = clean_images(table.column(name), found)
        return _replaced(table, name, images), reasons
    reasons = no_reasons(len(table))
    for name in roles.inputs:
        if roles.modality == "text":
            column, bad = clean_texts(table.column(name))
        else:
            column, bad = clean_features(table.column(name), name=name)
        table = _replaced(table, name, column)
        reasons = first_reason(reasons, bad)
    return table, reasons


def _clean_label(
    table: pa.Table, roles: Roles
) -> tuple[pa.ChunkedArray, Reasons, dict[str, Choice]]:
    if roles.label is None:
        empty = pa.chunked_array([pa.nulls(len(table), pa.string())])
        return empty, no_reasons(len(table)), {}
    labels, reasons, note = clean_labels(table.column(roles.label), name=roles.label)
    several = {"classes": Choice(str(len(pc.unique(labels.drop_null()))), note)} if note else {}
    return labels, reasons, several


def _given_splits(table: pa.Table, found: Source, roles: Roles) -> np.ndarray | None:
    """Return the splits that keys, files or a column say, in this order."""
    by_part = split_of_parts(found)
    if by_part is not None or roles.split is None:
        return by_part if by_part is None else np.asarray(by_part)
    return split_names(table.column(roles.split), name=roles.split)


def _row_ids(
    table: pa.Table, roles: Roles, splits: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids, and for the split the keys that exact copies share."""
    import datasets

    if splits is not None:
        # So that a row that is in both train and test has one id in each.
        table = _replaced(table, SPLIT, pa.array(splits, pa.string()))
    plain = dataset_of(table, datasets.Features.from_arrow_schema(table.schema), key="loading")
    if roles.row_id is not None:
        ids = key_ids(plain, roles.row_id)
        return ids, ids
    ids = content_ids(plain.remove_columns(ROW_ID) if ROW_ID in table.column_names else plain)
    return ids, ids.astype("<U16")


def _replaced(table: pa.Table, name: str, column: pa.Array | pa.ChunkedArray) -> pa.Table:
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, column)
    return table.append_column(name, column)


def _set_aside(ids: np.ndarray, reasons: Reasons, found: Source) -> list[Issue]:
    positions = np.flatnonzero(~usable(reasons))
    places = locate(found, positions)
    return [
        bad_row(str(ids[i]), f"{reasons[i]} ({place})")
        for i, place in zip(positions, places, strict=True)
    ]


def _assemble(
    columns: dict[str, pa.Array],
    rows: pa.Table,
    *,
    schema: Schema,
    origin: str,
    bad: list[Issue],
    choices: dict[str, Choice],
) -> LoadedDataset:
    import datasets

    for name in rows.column_names:
        if name not in (ROW_ID, SPLIT):
            columns[name] = rows.column(name)
    table = pa.table(columns)
    features = datasets.Features.from_arrow_schema(table.schema)
    if schema.modality == "image":
        features[schema.inputs[0]] = datasets.Image(decode=False)
    key = dataset_fingerprint(dataset_of(table, features, key="loading"), schema)
    return LoadedDataset(
        dataset=dataset_of(table, features, key=key),
        schema=schema,
        set_aside=Issues.concat([Issues.from_rows(bad)]),
        origin=origin,
        fingerprint=key,
        choices=choices,
    )


def _nothing_left(origin: str, bad: list[Issue]) -> str:
    """Say why there is no usable row, with the reasons counted."""
    if not bad:
        return f"There are no rows in {origin}."
    counted = Counter((issue.detail or "").partition(" (")[0] for issue in bad)
    listed = ", ".join(f"{reason}: {count}" for reason, count in counted.most_common())
    first = "; ".join(f"{issue.row_id}: {issue.detail}" for issue in bad[:3])
    return f"No usable row in {origin}. {len(bad)} set aside ({listed}). First: {first}."
