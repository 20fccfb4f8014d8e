"""`load_dataset`: read, settle the columns, check every row, split, and set bad rows aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..arrow_kinds import is_list
from ..choice import Choice
from ..class_labels import names_of_classes, with_class_names
from ..columns import joined_classes, strings, take_table
from ..errors import InputError, check_number
from ..loaded import GivenRows, LoadedDataset
from ..moved import renamed
from ..options import filled
from ..schema import ROW_ID, SPLIT, TASKS, Schema
from ..signatures import checked
from .assembling import (
    as_stored,
    assemble,
    nothing_left,
    replaced,
    row_ids,
    said_of_form,
    set_aside,
    titles_of,
)
from .cells import (
    Reasons,
    clean_features,
    clean_texts,
    first_reason,
    no_numbers,
    no_reasons,
    single_row_classes,
    usable,
    without_any,
    without_markers,
)
from .decimal_commas import with_decimal_points
from .image_cells import clean_images
from .label_columns import with_one_label
from .options import FileOptions
from .parts import Source, stacked
from .roles import Roles, Wanted, choose_roles
from .several_texts import with_one_text, with_texts_as_one
from .sources import keep_where, read_source, split_of_parts
from .splits import complete_splits, split_names
from .table_form import form_of
from .targets import choose_task, clean_target
from .telling import tell, tell_set_aside
from .turns import with_turns_as_text


@renamed(seed="random_state")
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
    task: str | None = None,
    where: Mapping[str, Any] | None = None,
    keep_unlabeled: bool = False,
    random_state: int = 0,
    test_fraction: float = 0.2,
    **options: Unpack[FileOptions],
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
        `text` may name several columns, ``"name,street,city"``, which are then taken as one text,
        and `label` several of 0 and 1, ``"toxic,insult"``, which are then one set of classes.
    features : sequence of str, optional
        Numeric columns, or columns of equally long lists of numbers.
    task : {"classification", "multi_label", "regression"}, optional
        What the label column holds: a class, a list of classes or a number; found out when left
        out. Without `keep_unlabeled`, only classes are taken.
    where : mapping, optional
        Keep the rows with these values only: ``{"dataset": "banking77"}``; a list allows several.
    keep_unlabeled : bool
        Keep training rows without a label (null), rows alone in their class, and rows of a table in
        which some numbers are missing instead of setting them aside, and take no label where
        several columns could be it: to clean data rather than to train on them. Where
        `test_fraction` is 0, so that nothing is to be judged on them, test rows without a label
        stay too.
    random_state : int
        Of the split, where the source has none.
    test_fraction : float
        Share of each class held out for test, in [0, 1), where the source has no test rows.
    **options

    Returns
    -------
    LoadedDataset
        Usable rows in the order of the source; ``set_aside`` names every other one with its reason;
        ``choices`` says what was guessed and why.

    Raises
    ------
    InputError
        When a column is missing or its role unclear, or when no usable row is left.

    Examples
    --------
    >>> import datasets
    >>> from thresher.core import load_dataset
    >>> rows = {"review": ["works well", "broke at once"] * 2, "stars": ["good", "bad"] * 2}
    >>> loaded = load_dataset(datasets.Dataset.from_dict(rows), test_fraction=0)
    >>> print(*loaded.role_lines)
    text: review; label: stars (named like what is to be told); key: none, rows are counted
    >>> loaded.labels.tolist()
    [1, 0, 1, 0]
    """
    check_number("test_fraction", test_fraction, low=0, high=0.99)
    told = filled(FileOptions, options)
    form = form_of(told["delimiter"], told["header"], told["encoding"], told["max_unpacked"])
    found = keep_where(read_source(source, form), where)
    tell(found)
    wanted = Wanted(label, text, image, features, split, row_id)
    if not any(len(part.table) for part in found.parts):
        raise InputError(nothing_left(found.origin, found.bad))
    stored, declared = stacked(found.parts)
    table = without_markers(with_class_names(stored, declared), told["na"])
    table, commas = with_decimal_points(table)
    table, turns = with_turns_as_text(table)
    table, wanted = with_one_text(table, wanted)
    table, wanted = with_one_label(table, wanted)
    roles = choose_roles(
        table,
        _settled(wanted, found),
        folders=dict.fromkeys(part.folder for part in found.parts),
        needs_label=not keep_unlabeled,
    )
    table, roles = with_texts_as_one(table, roles)
    if turns:
        roles.choices["conversations"] = Choice(", ".join(turns), "turn after turn, as text")
    if roles.label is not None:
        named = names_of_classes(declared.get(roles.label)) is not None
        _settle_task(table.column(roles.label), roles, named=named, wanted=task)
    split_by = (test_fraction, random_state)
    loaded = _check(table, found, roles, keep_unlabeled=keep_unlabeled, split=split_by)
    assert loaded.given is not None  # _check has put it there
    own = as_stored(loaded.given.table, stored)
    given = replace(loaded.given, table=own, features=declared, titles=titles_of(found))
    choices = {
        **loaded.choices,
        **commas,
        **said_of_form(told["delimiter"], told["header"], told["na"]),
    }
    return replace(loaded, given=given, choices=choices)


def _settle_task(labels: pa.ChunkedArray, roles: Roles, *, named: bool, wanted: str | None) -> None:
    """Put into `roles` what the label column holds; with names of classes it is `named`."""
    chosen = choose_task(
        labels, roles.label or "", modality=roles.modality, named=named, wanted=wanted
    )
    roles.task = chosen.value
    if chosen.value != TASKS[0] or chosen.reason == "given":
        roles.choices["task"] = chosen


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
    if (
        roles.modality == "features"
        and keep_unlabeled
        and (said := no_numbers(table, roles.inputs))
    ):
        roles.choices["no numbers"] = Choice(said, "taken as missing")
    table, bad_inputs = _clean_inputs(table, found, roles, keep_missing=keep_unlabeled)
    if roles.modality == "image":
        raw = replaced(raw, roles.inputs[0], table.column(roles.inputs[0]))
    labels, bad_labels, spellings = _clean_label(table, roles, any_task=keep_unlabeled)
    given = _given_splits(table, found, roles)
    ids, keys = row_ids(table, roles, given, found)
    if keep_unlabeled:
        bad_labels[slice(None) if given is None or split[0] == 0 else given == "train"] = None
    reasons = first_reason(bad_inputs, bad_labels)
    if roles.label is not None and not keep_unlabeled:
        reasons = first_reason(reasons, single_row_classes(labels, usable(reasons)))
    keep = np.flatnonzero(usable(reasons))
    aside = set_aside(ids, reasons, found)
    tell_set_aside(aside)
    bad = found.bad + aside
    if not len(keep):
        raise InputError(nothing_left(found.origin, bad))
    names = strings(joined_classes(labels))[keep]
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
        _classes(labels, keep, roles.task) if roles.label else (),
        roles.task if keep_unlabeled else TASKS[0],
    )
    columns = {ROW_ID: pa.array(ids[keep], pa.string()), SPLIT: pa.array(splits, pa.string())}
    if roles.label is not None:
        table = replaced(table, roles.label, labels)
    loaded = assemble(
        columns,
        take_table(table, keep),
        schema=schema,
        origin=found.origin,
        bad=bad,
        choices={**found.choices, **roles.choices, **spellings, "split": why},
    )
    parts = tuple(part.given() for part in found.parts)
    return replace(loaded, given=GivenRows(raw, ids, keep, parts=parts))


def _clean_inputs(
    table: pa.Table, found: Source, roles: Roles, *, keep_missing: bool
) -> tuple[pa.Table, Reasons]:
    """Return the table with its input columns cleaned, and why rows are bad."""
    if roles.modality == "image":
        name = roles.inputs[0]
        images, reasons = clean_images(table.column(name), found)
        return replaced(table, name, images), reasons
    reasons = no_reasons(len(table))
    for name in roles.inputs:
        if roles.modality == "text":
            column, bad = clean_texts(table.column(name))
        else:
            column, bad = clean_features(table.column(name), name=name, keep_missing=keep_missing)
        table = replaced(table, name, column)
        reasons = first_reason(reasons, bad)
    if roles.modality == "features" and keep_missing:
        reasons = first_reason(reasons, without_any(table.select(roles.inputs)))
    return table, reasons


def _clean_label(
    table: pa.Table, roles: Roles, *, any_task: bool
) -> tuple[pa.ChunkedArray, Reasons, dict[str, Choice]]:
    if roles.label is None:
        empty = pa.chunked_array([pa.nulls(len(table), pa.string())])
        return empty, no_reasons(len(table)), {}
    # Without `any_task` rows are trained on, and what is no class is refused in words.
    if not any_task and roles.task != TASKS[0]:
        raise InputError(
            f"The label column {roles.label!r} is read as {roles.task} "
            f"({roles.choices['task'].reason}), and models here learn one class a row. Such labels "
            f"can be checked (thresher curate) and collected (thresher label init --task "
            f"{roles.task}). To train on classes choose another column; if these are classes, say "
            "so: task='classification', in a run --set data.task=classification."
        )
    labels, reasons, note = clean_target(
        table.column(roles.label), name=roles.label, task=roles.task
    )
    several = {"classes": Choice(str(len(pc.unique(labels.drop_null()))), note)} if note else {}
    return labels, reasons, several


def _classes(labels: pa.ChunkedArray, keep: np.ndarray, task: str) -> tuple[str, ...]:
    """Return the names of all classes, sorted; none of numbers."""
    if task == "regression":
        return ()
    column = labels.take(pa.array(keep))
    values = pc.list_flatten(column) if is_list(column.type) else column
    return tuple(sorted(set(values.drop_null().to_pylist()) - {""}))


def _given_splits(table: pa.Table, found: Source, roles: Roles) -> np.ndarray | None:
    """Return the splits that keys, files or a column say, in this order."""
    by_part = split_of_parts(found)
    if by_part is not None or roles.split is None:
        return by_part if by_part is None else np.asarray(by_part)
    return split_names(table.column(roles.split), name=roles.split)
