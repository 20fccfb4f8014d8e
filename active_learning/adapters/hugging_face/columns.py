"""The columns of the dataset: what a row holds, its label, and where that comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thresher.core.columns import read_row_ids, read_splits, take_rows
from thresher.core.errors import InputError
from thresher.core.schema import ROW_ID, SPLIT, SPLITS

from ...tasks import Task
from .gathered import Gathered, first_round, total_seconds

if TYPE_CHECKING:
    import datasets

# Each with what it holds, for the card.
COLUMNS = {
    ROW_ID: "id of the row",
    "label": "the label that the answers come to",
    "label_quality": "how far the answers agree, 0–1; not how likely it is right",
    "answers": "what each annotator said: `annotator`, `label`, `seconds`",
    "round": "the batch in which the row was handed out, from 1; 0 for none",
    "arm": "`audit`: drawn at random; `chosen` by the strategy; `told` without being asked",
    "seconds": "time that all annotators took for it, null where it was not told",
}


def label_feature(task: Task) -> Any:
    """Return the feature of the library that a label of a task has."""
    import datasets

    if task.name == "regression":
        return datasets.Value("float64")
    names = datasets.ClassLabel(names=list(task.classes))
    if task.name == "classification":
        return names
    if task.name == "multi_label":
        return datasets.List(names)
    number = datasets.Value("int64" if task.name == "spans" else "float64")
    fields = ("start", "end") if task.name == "spans" else ("x", "y", "width", "height")
    return datasets.List({**dict.fromkeys(fields, number), "label": names})


def make_dataset(
    task: Task, found: Gathered, rows: datasets.Dataset | None
) -> datasets.DatasetDict:
    """Put the labeled rows together, by the splits that they have.

    Columns of `rows` that are named like one of ours get ``data_`` before their name.

    Raises
    ------
    InputError
        When `rows` lacks one of the labeled rows.
    """
    import datasets

    labels = found.row_labels()
    of_label = label_feature(task)
    said = {"annotator": datasets.Value("string"), "label": of_label}
    features = datasets.Features(
        {
            ROW_ID: datasets.Value("string"),
            "label": of_label,
            "label_quality": datasets.Value("float64"),
            "answers": datasets.List({**said, "seconds": datasets.Value("float64")}),
            "round": datasets.Value("int32"),
            "arm": datasets.Value("string"),
            "seconds": datasets.Value("float64"),
        }
    )
    made = datasets.Dataset.from_dict(
        {
            ROW_ID: found.row_ids,
            "label": [task.decode(labels[row][0]) for row in found.row_ids],
            "label_quality": [labels[row][1] for row in found.row_ids],
            "answers": [
                [
                    {
                        "annotator": answer.annotator,
                        "label": task.decode(answer.label or ""),
                        "seconds": answer.seconds,
                    }
                    for answer in given
                ]
                for given in found.answers
            ],
            "round": [first_round(given) for given in found.answers],
            "arm": found.arms,
            "seconds": [total_seconds(given) for given in found.answers],
        },
        features=features,
    )
    splits = np.full(len(made), "train")
    if rows is not None:
        rows = _of_rows(rows, found.row_ids)
        splits = read_splits(rows)
        made = _beside(rows, made)
    # Train first, as everywhere; `load_dataset` keeps the order.
    names = sorted(set(splits.tolist()), key=[*SPLITS, *sorted(set(splits.tolist()))].index)
    return datasets.DatasetDict({name: take_rows(made, splits == name) for name in names})


def _of_rows(rows: datasets.Dataset, row_ids: list[str]) -> datasets.Dataset:
    place = {row: number for number, row in enumerate(read_row_ids(rows).tolist())}
    absent = [row for row in row_ids if row not in place]
    if absent:
        raise InputError(
            f"`rows` has no row {absent[0]!r}, which is labeled. Give the rows of the session."
        )
    return take_rows(rows, np.array([place[row] for row in row_ids], dtype=np.int64))


def _beside(rows: datasets.Dataset, labels: datasets.Dataset) -> datasets.Dataset:
    """Return the content of the rows after their ids, then all about their labels."""
    import datasets

    content = [name for name in rows.column_names if name not in (ROW_ID, SPLIT)]
    renamed = {name: f"data_{name}" for name in content if name in COLUMNS}
    shown = rows.select_columns(content).rename_columns(renamed)
    joined = datasets.concatenate_datasets([shown, labels], axis=1)
    about = [name for name in COLUMNS if name != ROW_ID]
    return joined.select_columns([ROW_ID, *shown.column_names, *about])
