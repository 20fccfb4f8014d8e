"""The reference that a monitor compares with, made of a user's held-out rows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from lifecycle import load_served, write_reference
from training.evaluation import predict_logits

from ...core.counted import counted
from ...core.errors import InputError
from ...core.interval import wilson_interval
from ...core.options import picked
from ...core.signatures import checked
from ..inputs import samples_for
from ..read_options import InputOptions
from ..sources import read_rows
from ..whole_rows import with_all_numbers

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class WrittenReference:
    """A reference that was written.

    Attributes
    ----------
    path : Path
    model : str
        Digest of the model that answered.
    rows : int
    accuracy : float
    interval : tuple of float
        95 % Wilson score interval of the accuracy.
    unlabeled : int
        Rows left out for want of a label.
    unreadable : int
        Rows that could not be read.
    """

    path: Path
    model: str
    rows: int
    accuracy: float
    interval: tuple[float, float]
    unlabeled: int
    unreadable: int


@checked
def monitor_reference(
    model: PathLike,
    data: Any,
    *,
    out: PathLike,
    label: str | None = None,
    **options: Unpack[InputOptions],
) -> WrittenReference:
    """Write what a served model answers to held-out rows, for `monitor` to compare with.

    Parameters
    ----------
    model : path-like
        What `serve` takes.
    data : path, str, mapping or datasets.Dataset
        Labeled rows that the model was not trained on, as `thresher.core.load_dataset` takes them.
    out : path-like
        A Parquet file.
    label : str, optional
        Column of the true classes; found by its name where it is not said.
    **options

    Returns
    -------
    WrittenReference

    Raises
    ------
    InputError
        For rows without labels, labels that the model does not know, or rows of another kind.

    Examples
    --------
    >>> import datasets
    >>> from training import compact_model, export
    >>> from thresher.app import monitor_reference
    >>> network = compact_model("mlp", num_classes=2, input_shape=(1,), width=8)
    >>> how = {"kind": "features", "columns": ["x"]}
    >>> _ = export(network, "small", classes=["low", "high"], preprocessing=how)
    >>> rows = datasets.Dataset.from_dict({"x": [1, 2, 3], "label": ["low", "low", "high"]})
    >>> monitor_reference("small", rows, out="held-out.parquet").rows
    3
    """
    served = load_served(model)
    how = served.preprocessing
    given = {name: value for name, value in picked(InputOptions, options).items() if value}
    asked: dict[str, Any] = {"text": how.get("text"), "features": how.get("columns"), **given}
    loaded = with_all_numbers(read_rows(data, label=label, **asked))
    if loaded.schema.label is None:
        raise InputError("A reference needs labels, and these rows have none: name their column.")
    samples = samples_for(served, loaded)
    assert samples.targets is not None  # `samples_for` gives them
    targets = samples.targets.numpy()
    known = targets >= 0
    if not known.any():
        raise InputError(
            f"None of the {counted(len(known), 'row')} has a label; a reference needs some."
        )
    logits, truth = predict_logits(served, samples)[known], targets[known]
    write_reference(
        out,
        logits,
        labels=[served.classes[code] for code in truth.tolist()],
        classes=served.classes,
        model=served.digest,
    )
    right = int((logits.argmax(axis=1) == truth).sum())
    return WrittenReference(
        path=Path(out),
        model=served.digest,
        rows=len(truth),
        accuracy=right / len(truth),
        interval=wilson_interval(right, len(truth)),
        unlabeled=int(np.count_nonzero(~known)),
        unreadable=len(loaded.set_aside),
    )
