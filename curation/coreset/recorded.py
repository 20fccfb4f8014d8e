"""Difficulties from what each row did during a training run, read from the file of the run.

The file is an ``.npz`` with ``row_ids``, (n,), and for every row and epoch ``margins`` (logit of
the label minus the largest other one) and ``errors`` (length of probabilities − one-hot label),
each (n, epochs) and NaN where an epoch was not reached. `training.dynamics` writes it.
"""

from __future__ import annotations

import os
from typing import Protocol
from zipfile import BadZipFile

import numpy as np

from thresher.core.errors import InputError, check_choice

KINDS = ("el2n", "forgetting", "aum")
EARLY_EPOCHS = 5
_LISTED = 5


class RecordedRun(Protocol):
    """What `training.dynamics.Dynamics` is, as far as it is read here."""

    @property
    def row_ids(self) -> np.ndarray:
        """Ids of the rows that were trained on, shape (n,)."""

    @property
    def margins(self) -> np.ndarray:
        """Margin of each row and epoch, shape (n, epochs)."""

    @property
    def errors(self) -> np.ndarray:
        """Length of (probabilities − one-hot label), shape (n, epochs)."""


def read_difficulty(
    dynamics: str | os.PathLike[str] | RecordedRun, kind: str, *, row_ids: np.ndarray
) -> np.ndarray:
    """Return how hard each row was for the run, high = hard.

    Parameters
    ----------
    dynamics : path-like or Dynamics
    kind : str
        ``"el2n"``: mean error over the first five epochs (Paul et al., 2021). ``"forgetting"``:
        times the row went from right to wrong; a row that was never right counts as many times as
        there are epochs (Toneva et al., 2019). ``"aum"``: minus the mean margin (Pleiss et al.,
        2020).
    row_ids : ndarray of str, shape (n,)
        The rows asked about, in any order.

    Returns
    -------
    ndarray of float64, shape (n,)

    Raises
    ------
    InputError
        When the file is none of this kind, or lacks one of the rows, or holds no finite value
        for it.
    """
    check_choice("kind", kind, KINDS)
    recorded, margins, errors = _read(dynamics)
    if kind == "forgetting":
        values = _forgotten(margins)
    else:
        values = _mean(errors[:, :EARLY_EPOCHS]) if kind == "el2n" else -_mean(margins)
    order = np.argsort(recorded, kind="stable")
    wanted = np.asarray(row_ids).astype(str)
    found = np.searchsorted(recorded[order], wanted)
    places = order[np.minimum(found, len(order) - 1)]
    missing = (recorded[places] != wanted) | ~np.isfinite(values[places])
    if missing.any():
        listed = ", ".join(wanted[missing][:_LISTED])
        raise InputError(
            f"{int(missing.sum())} of {len(wanted)} rows are not recorded in the training "
            f"dynamics, such as {listed}. Record a run over all rows that are to be chosen from."
        )
    return np.asarray(values[places], dtype=np.float64)


def _read(
    dynamics: str | os.PathLike[str] | RecordedRun,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if isinstance(dynamics, (str, os.PathLike)):
        try:
            with open(dynamics, "rb") as raw, np.load(raw, allow_pickle=False) as file:
                ids, margins, errors = file["row_ids"], file["margins"], file["errors"]
        except (KeyError, ValueError, OSError, EOFError, AttributeError, BadZipFile) as error:
            raise InputError(
                f"{os.fspath(dynamics)} cannot be read as training dynamics ({error}): it must be "
                "an `.npz` file with the arrays `row_ids`, `margins` and `errors`."
            ) from error
    else:
        ids, margins, errors = dynamics.row_ids, dynamics.margins, dynamics.errors
    if (
        not len(ids)
        or margins.ndim != 2
        or margins.shape != errors.shape
        or len(margins) != len(ids)
    ):
        raise InputError(
            f"Training dynamics need margins and errors of shape ({len(ids)}, epochs) for their "
            f"{len(ids)} rows, got {margins.shape} and {errors.shape}."
        )
    return np.asarray(ids).astype(str), margins.astype(np.float64), errors.astype(np.float64)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the epochs that were reached, NaN where none was."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.asarray(np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan))


def _forgotten(margins: np.ndarray) -> np.ndarray:
    right, known = margins > 0, np.isfinite(margins)
    times = (right[:, :-1] & ~right[:, 1:] & known[:, 1:]).sum(axis=1).astype(np.float64)
    times[~right.any(axis=1)] = margins.shape[1]
    return np.where(known.any(axis=1), times, np.nan)
