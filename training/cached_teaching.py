"""A teacher that reads rows in a form of its own: its answers are computed once and looked up.

A transformer's tokens are not those of a small student, so both cannot read one tensor. The
teacher judges the raw rows, and the student's trainer finds each answer by the student's row.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from thresher.core.errors import InputError, check_number
from thresher.core.files import atomic_path
from thresher.core.progress import track

from .row_table import RowTable
from .samples import Samples

_LISTED = 5


class CachedTeacher(nn.Module):
    """Known answers as a model: give it to `distill` or `evaluate` like any other.

    Parameters
    ----------
    logits : ndarray of float, shape (n, classes)
    samples : Samples
        The same n rows as the student takes them.
    """

    def __init__(self, logits: np.ndarray, samples: Samples) -> None:
        super().__init__()
        if logits.ndim != 2 or len(logits) != len(samples) or not len(samples):
            raise InputError(
                f"The teacher must give logits of shape ({len(samples)}, classes), one row for "
                f"each of at least one sample; got {logits.shape}."
            )
        wrong = samples.row_ids[~np.isfinite(logits).all(axis=1)]
        if len(wrong):
            raise InputError(
                f"The teacher's logits of {len(wrong)} row(s) are not finite. First: "
                f"{', '.join(map(str, wrong[:_LISTED]))}."
            )
        self.answers = RowTable(samples.inputs, torch.from_numpy(np.float32(logits)))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits of rows that are known, float32 (b, classes).

        Raises
        ------
        InputError
            For a row that the teacher never saw, such as an augmented one.
        """
        logits, known = self.answers(inputs)
        if not bool(known.all()):
            raise InputError(
                f"{int((~known).sum())} of {len(inputs)} rows are unknown to the cached teacher. "
                "Give it all rows that the student learns from, and train without `augment` and "
                "`mix`, which make rows that it never saw."
            )
        found: Tensor = logits
        return found


def cached_teacher(
    predict: Callable[[Sequence[Any]], np.ndarray],
    values: Sequence[Any],
    samples: Samples,
    *,
    file: str | os.PathLike[str] | None = None,
    batch_size: int = 256,
) -> CachedTeacher:
    """Let a teacher judge raw rows once, for a student that takes them in another form.

    Parameters
    ----------
    predict : callable
        From some of `values` to logits, float (b, classes); such as
        `PretrainedModel.predict_values`.
    values : sequence
        The raw rows, texts or pictures.
    samples : Samples
        The same rows in the same order, as the student takes them.
    file : path-like, optional
        An ``.npz`` of ``row_ids`` and ``logits`` that is read if it holds all rows, and written
        otherwise. Delete it when the teacher changes.
    batch_size : int
        Rows given to `predict` at once.

    Returns
    -------
    CachedTeacher
    """
    check_number("batch_size", batch_size, low=1)
    if len(values) != len(samples):
        raise InputError(f"There are {len(values)} values and {len(samples)} samples.")
    path = None if file is None else Path(file)
    known = None if path is None else _read(path, samples.row_ids)
    if known is None:
        starts = range(0, len(values), batch_size)
        parts = [
            np.asarray(predict(values[start : start + batch_size]), dtype=np.float32)
            for start in track(starts, description="teacher")
        ]
        known = np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)
        if path is not None:
            with atomic_path(path) as temporary, open(temporary, "wb") as out:
                np.savez(out, row_ids=samples.row_ids, logits=known)
    return CachedTeacher(known, samples)


def _read(path: Path, row_ids: np.ndarray) -> np.ndarray | None:
    """Return the logits of `row_ids`, or None where the file does not hold them all."""
    if not path.is_file():
        return None
    try:
        with np.load(path) as stored:
            ids, logits = stored["row_ids"], stored["logits"]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{path} holds no teacher's logits ({error}). Delete it, or give another `file`."
        ) from error
    order = np.argsort(ids)
    place = order[np.searchsorted(ids, row_ids, sorter=order).clip(max=max(len(ids) - 1, 0))]
    if not len(ids) or (ids[place] != row_ids).any():
        return None
    found: np.ndarray = logits[place]
    return found
