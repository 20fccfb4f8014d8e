"""Held-out rows from when all was well: what a monitor compares with."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.classes import class_texts
from thresher.core.counted import counted
from thresher.core.errors import InputError, did_you_mean
from thresher.core.files import atomic_path
from thresher.core.matrices import as_matrix
from thresher.core.numerics.softmax import softmax
from thresher.core.signatures import checked

_ABOUT = b"thresher.reference"  # of the metadata: which model answered, and its classes
COLUMNS = ("answer", "label", "confidence", "probabilities")


@dataclass(frozen=True, eq=False)
class Reference:
    """Rows from when all was well.

    Attributes
    ----------
    probabilities : numpy.ndarray, shape (n, classes)
    confidence : numpy.ndarray, shape (n,)
    correct : numpy.ndarray of bool, shape (n,)
    labels : list of str
        That occur.
    answers : list of str
        Of the model, one for each row.
    model : str
        Digest of the model; empty where the file does not say it.
    classes : list of str
        That the model knows; none where the file does not say them.
    """

    probabilities: np.ndarray
    confidence: np.ndarray
    correct: np.ndarray
    labels: list[str]
    answers: list[str]
    model: str = ""
    classes: list[str] = field(default_factory=list)

    def shared_with(self, probabilities: np.ndarray) -> float:
        """Return the share of the reference whose probabilities also occur, to the bit, here."""
        seen = {row.tobytes() for row in np.asarray(probabilities, dtype=np.float32)}
        mine = [row.tobytes() in seen for row in np.asarray(self.probabilities, dtype=np.float32)]
        return float(np.mean(mine)) if mine else 0.0


@checked
def write_reference(
    path: str | os.PathLike[str],
    logits: ArrayLike,
    *,
    labels: Sequence[str],
    classes: Sequence[str],
    model: str = "",
) -> None:
    """Write a reference as Parquet.

    Parameters
    ----------
    path : path-like
    logits : array, shape (n, classes)
        That the served model gives to held-out rows, not those it was trained on.
    labels : sequence of str
        Their true labels, each one of `classes`.
    classes : sequence of str
        Of the model, in the order of its logits.
    model : str
        Its digest (`ServedModel.digest`): a monitor then refuses the log of another model.

    Raises
    ------
    InputError
        For a label that is no class, logits that are not finite, or another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import read_reference, write_reference
    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0]])
    >>> write_reference("held-out.parquet", logits, labels=["no", "no"], classes=["no", "yes"])
    >>> read_reference("held-out.parquet").correct.tolist()
    [True, False]
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    given = as_matrix("logits", logits).astype(np.float64)
    if not np.isfinite(given).all():
        at = int(np.argwhere(~np.isfinite(given))[0, 0])
        raise InputError(f"`logits` must be finite; row {at} is not. Leave out rows that failed.")
    names, told = class_texts(classes, name="classes"), class_texts(labels, name="labels")
    _check_labels(told, names)
    shares = softmax(given)
    if shares.shape != (len(told), len(names)):
        raise InputError(
            f"`logits` must have a row for each of the {counted(len(told), 'label')} and a column "
            f"for each of the {counted(len(names), 'class', 'classes')}, got shape {shares.shape}."
        )
    about = {"model": model, "classes": names.tolist()}
    try:
        table = pa.table(
            {
                "answer": names[shares.argmax(1)].tolist(),
                "label": told.tolist(),
                "confidence": pa.array(shares.max(1), pa.float32()),
                "probabilities": pa.array(shares.tolist(), pa.list_(pa.float32())),
            },
            metadata={_ABOUT: json.dumps(about, ensure_ascii=False).encode()},
        )
    except UnicodeEncodeError as error:
        raise InputError(f"A label or class holds half of a surrogate pair ({error}).") from error
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)


def _check_labels(labels: np.ndarray, classes: np.ndarray) -> None:
    strange = np.flatnonzero(~np.isin(labels, classes))
    if len(strange):
        name, known = str(labels[strange[0]]), classes.tolist()
        more = ", …" if len(known) > 10 else ""
        raise InputError(
            f"`labels` must be classes of the model ({', '.join(known[:10])}{more}); row "
            f"{strange[0]} has {name!r}, and {counted(len(strange), 'row')} in all have none of "
            f"them.{did_you_mean(name, known)} Correct them, or leave these rows out."
        )


@checked
def read_reference(path: str | os.PathLike[str]) -> Reference:
    """Read what `write_reference` wrote.

    Raises
    ------
    InputError
        For another file.

    Examples
    --------
    >>> from lifecycle import read_reference, write_reference
    >>> write_reference("kept.parquet", [[2.0, 0.0]], labels=["no"], classes=["no", "yes"])
    >>> read_reference("kept.parquet").probabilities.shape
    (1, 2)
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not Path(path).is_file():
        raise InputError(f"There is no file {path}. `lifecycle.write_reference` writes one.")
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is no Parquet file ({error}).") from error
    missing = set(COLUMNS) - set(table.column_names)
    if missing:
        raise InputError(
            f"{path} lacks {', '.join(sorted(missing))}. `lifecycle.write_reference` writes it."
        )
    try:
        rows = np.array(table["probabilities"].to_pylist(), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: rows of probabilities differ in length.") from error
    about = json.loads((table.schema.metadata or {}).get(_ABOUT, b"{}"))
    answers, labels = table["answer"].to_pylist(), table["label"].to_pylist()
    return Reference(
        probabilities=rows.reshape(len(answers), -1),
        confidence=np.clip(table["confidence"].to_numpy().astype(np.float64), 0, 1),
        correct=np.array([a == b for a, b in zip(answers, labels, strict=True)], dtype=bool),
        labels=sorted({str(label) for label in labels}),
        answers=[str(answer) for answer in answers],
        model=about.get("model", ""),
        classes=about.get("classes", []),
    )
