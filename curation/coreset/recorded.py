"""Difficulties from what each row did during a training run (`curation.labels.training_record`)."""

from __future__ import annotations

import os

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_choice
from thresher.core.text_arrays import text_array

from ..labels.training_record import RecordedRun, read_record

KINDS = ("el2n", "forgetting", "aum")
EARLY_EPOCHS = 5
_LISTED = 5


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
    recorded, margins, errors = read_record(dynamics, "margins", "errors")
    if not len(recorded):
        raise InputError("The training dynamics hold no rows.")
    if kind == "forgetting":
        values = _forgotten(margins)
    else:
        values = _mean(errors[:, :EARLY_EPOCHS]) if kind == "el2n" else -_mean(margins)
    order = np.argsort(recorded, kind="stable")
    wanted = text_array(row_ids)
    found = np.searchsorted(recorded[order], wanted)
    places = order[np.minimum(found, len(order) - 1)]
    missing = (recorded[places] != wanted) | ~np.isfinite(values[places])
    if missing.any():
        listed = ", ".join(wanted[missing][:_LISTED])
        raise InputError(
            f"{int(missing.sum())} of {counted(len(wanted), 'row is', 'rows are')} not recorded in "
            "the training dynamics, such as "
            f"{listed}. Record a run over all rows that are to be chosen from."
        )
    return np.asarray(values[places], dtype=np.float64)


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
