"""What each row did during a training run, read from what `training.DynamicsRecorder` writes.

The file is an ``.npz`` with ``row_ids``, (n,), and for every row and epoch ``margins`` (logit of
the label minus the largest other one) and ``errors`` (length of probabilities − one-hot label),
each (n, epochs) and NaN where it is unknown.
"""

from __future__ import annotations

import os
from typing import Protocol, TypeAlias
from zipfile import BadZipFile

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.text_arrays import text_array

UNREADABLE = (KeyError, ValueError, OSError, EOFError, AttributeError, BadZipFile)


class HasMargins(Protocol):
    """What `training.loop.dynamics.Dynamics` is, as far as labels are judged by it."""

    @property
    def row_ids(self) -> np.ndarray:
        """Ids of the rows that were trained on, shape (n,)."""

    @property
    def margins(self) -> np.ndarray:
        """Margin of each row and epoch, shape (n, epochs), NaN where it is unknown."""


class RecordedRun(HasMargins, Protocol):
    """What `training.loop.dynamics.Dynamics` is, as far as core sets are chosen by it."""

    @property
    def errors(self) -> np.ndarray:
        """Length of (probabilities − one-hot label), shape (n, epochs)."""


Record: TypeAlias = str | os.PathLike[str] | HasMargins


def read_record(dynamics: Record, *names: str) -> tuple[np.ndarray, ...]:
    """Return the row ids, str (n,), and the named arrays, float64 (n, epochs).

    Raises
    ------
    InputError
        When the file is missing or damaged, lacks an array, or the shapes do not agree.
    """
    if isinstance(dynamics, (str, os.PathLike)):
        ids, *arrays = _read_file(dynamics, ("row_ids", *names))
    else:
        ids, *arrays = (np.asarray(getattr(dynamics, name)) for name in ("row_ids", *names))
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1 or any(len(shape) != 2 or shape[0] != len(ids) for shape in shapes):
        raise InputError(
            f"Training dynamics need one row of {' and '.join(names)} for each of "
            f"{counted(len(ids), 'row id')}, of shape ({len(ids)}, epochs), got "
            f"{' and '.join(str(array.shape) for array in arrays)}."
        )
    return text_array(ids), *(array.astype(np.float64) for array in arrays)


def _read_file(path: str | os.PathLike[str], names: tuple[str, ...]) -> list[np.ndarray]:
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            return [file[name] for name in names]
    except UNREADABLE as error:
        listed = ", ".join(f"`{name}`" for name in names)
        raise InputError(
            f"{os.fspath(path)} cannot be read as training dynamics ({error}): it must be an "
            f"`.npz` file with the arrays {listed}."
        ) from error
