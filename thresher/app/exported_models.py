"""What is done with exported models: measured here, and asked about rows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pyarrow as pa

from training import load_exported
from training.evaluation import predict_logits
from training.profiling import Profile
from training.profiling import profile as measure

from ..core.columns import read_row_ids
from ..core.issues import Issues
from ..core.loaded import LoadedDataset
from ..core.numerics.softmax import softmax
from ..core.options import picked
from ..core.shown import ShownRows
from ..core.signatures import checked
from ..core.writing import write_dataset
from .given import as_dataset
from .inputs import samples_for
from .places import places_of
from .read_options import InputOptions
from .reference import Reference, is_reference
from .sources import read_rows
from .whole_rows import with_all_numbers

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, repr=False)
class Predictions(ShownRows):
    """What a model says of rows.

    Attributes
    ----------
    table : pyarrow.Table
        ``row_id``, ``label`` (the most likely class) and ``probability`` of each row.
    set_aside : Issues
        Rows that could not be read.
    """

    table: pa.Table
    set_aside: Issues


@checked
def profile(
    model: PathLike,
    *,
    batch_sizes: Sequence[int] = (1, 64),
    threads: Sequence[int] = (1,),
    seconds: float = 0.5,
) -> list[Profile]:
    """Measure what an exported model costs here: bytes, operations, memory, latency, energy.

    Parameters
    ----------
    model : path-like
        Its folder or ``.onnx`` file.
    batch_sizes : sequence of int
    threads : sequence of int
        Threads of the runtime; one profile is made for each.
    seconds : float
        Time for each measurement.

    Raises
    ------
    InputError
        When there is no model.

    Examples
    --------
    >>> from training import compact_model, export
    >>> from thresher.app import profile
    >>> network = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> _ = export(network, "small", classes=["no", "yes"])
    >>> [one.parameters for one in profile("small", batch_sizes=[1], seconds=0.01)]
    [162]
    """
    sizes = tuple(batch_sizes)
    return [
        measure(load_exported(model, threads=count), batch_sizes=sizes, seconds=seconds)
        for count in threads
    ]


@checked
def predict(
    model: PathLike,
    data: Any,
    *,
    out: PathLike | None = None,
    **options: Unpack[InputOptions],
) -> Predictions:
    """Say the most likely class of every row, with its probability.

    Parameters
    ----------
    model : path-like
        An exported model: its folder or ``.onnx`` file; or a run's ``models/reference``, which is
        read as a pickle: take only one of your own.
    data : path, str, mapping or datasets.Dataset
        What `thresher.core.load_dataset` takes; columns are those that the model was trained on.
    out : path-like, optional
        A .csv, .jsonl or .parquet file for the table. Rows without a key of your own are named by
        file and line there too.
    **options

    Returns
    -------
    Predictions

    Raises
    ------
    InputError
        For rows of another kind than the model takes.

    Examples
    --------
    >>> import datasets
    >>> from training import compact_model, export
    >>> from thresher.app import predict
    >>> network = compact_model("mlp", num_classes=2, input_shape=(1,), width=8)
    >>> how = {"kind": "features", "columns": ["x"]}
    >>> _ = export(network, "small", classes=["low", "high"], preprocessing=how)
    >>> rows = datasets.Dataset.from_dict({"x": [1, 2, 3]})
    >>> predict("small", rows).table.column_names
    ['row_id', 'label', 'probability']
    """
    found = answered(model, data, picked(InputOptions, options))
    if out is not None:
        write_dataset(as_dataset(_placed(found)), out)
    return Predictions(found.table, found.rows.set_aside)


@dataclass(frozen=True, eq=False)
class Answered:
    """What a model says of a user's rows, and how these were read.

    Attributes
    ----------
    rows : LoadedDataset
    classes : sequence of str
    table : pyarrow.Table
        As that of `Predictions`.
    """

    rows: LoadedDataset
    classes: Sequence[str]
    table: pa.Table


def answered(model: PathLike, data: Any, options: Mapping[str, Any]) -> Answered:
    """Ask an exported model or a plain reference about a user's rows.

    Parameters
    ----------
    model : path-like
    data : path, str, mapping or datasets.Dataset
    options : mapping
        Those of `InputOptions`.
    """
    given = {name: value for name, value in options.items() if value}
    if is_reference(model):
        rows, classes, probs = _by_reference(Path(model), data, given)
    else:
        rows, classes, probs = _by_network(model, data, given)
    table = pa.table(
        {
            "row_id": read_row_ids(rows.dataset),
            "label": np.asarray(classes)[probs.argmax(axis=1)],
            "probability": probs.max(axis=1),
        }
    )
    return Answered(rows, classes, table)


def _placed(found: Answered) -> pa.Table:
    """Return what is said of each row, and where it stands if no key of the user's own tells it."""
    places, table = places_of(found.rows), found.table
    if places.own_keys:
        return table
    columns = places.columns(table["row_id"].to_pylist())
    for name in ("file", "line"):
        if columns[name].null_count < len(table):
            table = table.append_column(name, columns[name])
    return table


Answer = tuple[LoadedDataset, Sequence[str], np.ndarray]


def _by_network(model: PathLike, data: Any, given: dict[str, Any]) -> Answer:
    loaded = load_exported(model)
    how = loaded.preprocessing
    asked = {"text": how.get("text"), "features": how.get("columns"), **given}
    rows = with_all_numbers(read_rows(data, label="none", **asked))
    logits = predict_logits(loaded, samples_for(loaded, rows)).astype(np.float64)
    return rows, loaded.classes, softmax(logits)


def _by_reference(folder: Path, data: Any, given: dict[str, Any]) -> Answer:
    reference = Reference.load(folder)
    rows = with_all_numbers(read_rows(data, label="none", **{**reference.asked(), **given}))
    return rows, reference.classes, reference.probabilities(reference.values_of(rows))
