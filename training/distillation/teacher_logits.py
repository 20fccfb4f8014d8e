"""The answers of a teacher that reads rows in a form of its own, computed once and kept.

A transformer's tokens are not those of a small student, so both cannot read one tensor: the teacher
judges the raw rows, and `distill` takes its logits as an array.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from thresher.core.errors import InputError, check_count
from thresher.core.files import atomic_path
from thresher.core.matrices import as_matrix
from thresher.core.progress import message, track
from thresher.core.signatures import checked
from thresher.core.text_arrays import packed_texts, text_array, unpacked_texts


@checked
def teacher_logits(
    predict: Callable[[Sequence[Any]], np.ndarray],
    values: Sequence[Any],
    *,
    row_ids: np.ndarray,
    file: str | os.PathLike[str] | None = None,
    batch_size: int = 256,
) -> np.ndarray:
    """Let a teacher judge raw rows once: ``distill(student, teacher_logits(…), samples)``.

    Parameters
    ----------
    predict : callable
        From some of `values` to logits, float (b, classes); such as
        `PretrainedModel.predict_values`.
    values : sequence
        The raw rows, texts or images.
    row_ids : ndarray of str, shape (n,)
        Of the same rows in the same order, which is that of the student's samples.
    file : path-like, optional
        An ``.npz`` of ``row_ids`` and ``logits`` that is read if it holds all rows, and written
        otherwise. Delete it when the teacher changes.
    batch_size : int
        Rows given to `predict` at once.

    Returns
    -------
    ndarray of float32, shape (n, classes)

    Examples
    --------
    >>> import numpy as np
    >>> from training import teacher_logits
    >>> texts = ["a red kettle", "two chairs"]
    >>> predict = lambda texts: np.array([[len(text), 1.0] for text in texts])
    >>> logits = teacher_logits(predict, texts, row_ids=np.array(["a", "b"]))
    >>> logits.shape
    (2, 2)
    """
    check_count("batch_size", batch_size, low=1)
    if len(values) != len(row_ids) or not len(values):
        raise InputError(
            f"`values` and `row_ids` must name the same rows, at least one; got {len(values)} and "
            f"{len(row_ids)}."
        )
    path = None if file is None else Path(file)
    known = None if path is None else _read(path, row_ids)
    if known is not None:
        message(f"the teacher's logits are read from {path}")
        return known
    starts = range(0, len(values), batch_size)
    parts = [
        as_matrix("predict", predict(values[start : start + batch_size])).astype(np.float32)
        for start in track(starts, description="teacher")
    ]
    logits = np.concatenate(parts)
    if path is not None:
        with atomic_path(path) as temporary, open(temporary, "wb") as out:
            np.savez(out, row_ids=packed_texts(text_array(row_ids)), logits=logits)
    return logits


def _read(path: Path, row_ids: np.ndarray) -> np.ndarray | None:
    """Return the logits of `row_ids`, or None where the file does not hold them all."""
    if not path.is_file():
        return None
    try:
        with np.load(path) as stored:
            ids, logits = unpacked_texts(stored["row_ids"]), stored["logits"]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{path} holds no teacher's logits ({error}). Delete it, or give another `file`."
        ) from error
    order = np.argsort(ids)
    place = order[np.searchsorted(ids, row_ids, sorter=order).clip(max=len(ids) - 1)]
    if (ids[place] != row_ids).any():
        return None
    found: np.ndarray = logits[place]
    return found
