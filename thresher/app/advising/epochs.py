"""Probe of fewer epochs: small networks trained on the probed rows for all of them and for half."""

from __future__ import annotations

import numpy as np

from ...core.counted import counted
from .levers import Estimate, Lever
from .networks import Length, predictions
from .redundancy import HALF
from .sample import Sample
from .transfer import fewer_epochs_points

# Parts of the rows that are held out in turn.
NETWORKS = 4
# Epochs at most, steps at least and the largest batch of a run's students (`PLANS`).
LENGTHS = {"features": (40, 800, 256), "text": (30, 300, 128), "image": (40, 300, 128)}
NAME, COMMAND = (
    "train for half the epochs",
    "thresher run --set teacher.epochs=… --set student.epochs=…",
)


def fewer_epochs(sample: Sample, modality: str) -> Lever:
    """Say what half of the epochs over all rows would change.

    Networks of the student's kind learn the rows as they are labeled, wrong labels with them: it is
    by learning those by heart that later epochs cost accuracy.
    """
    splits = sample.splits[:NETWORKS]
    learnt, judged = (np.array([split[at] for split in splits]) for at in (0, 1))
    length = length_of(learnt.shape[1], modality)
    right = [
        rightly_told(sample, learnt, judged, modality, length=one)
        for one in (length, length.halved())
    ]
    changes = 100 * (right[1].mean(axis=1) - right[0].mean(axis=1))
    seen = float(changes.mean())
    return _lever(
        fewer_epochs_points(modality, seen),
        f"{NETWORKS} small networks on {counted(sample.fitted_rows, 'row')} change by {seen:+.1f} "
        "points "
        f"with {counted(length.halved().epochs, 'epoch')} instead of {length.epochs}, and beside "
        "it counts "
        "what other sets lost; a run tries short lengths first, so that nothing is left to win",
    )


def length_of(rows: int, modality: str) -> Length:
    """Return how long a run would train a student on so many rows."""
    most, steps, largest = LENGTHS[modality]
    return Length.of(rows, most=most, steps=steps, largest=largest)


def rightly_told(
    sample: Sample,
    learnt: np.ndarray,
    judged: np.ndarray,
    modality: str,
    *,
    length: Length | None = None,
) -> np.ndarray:
    """Train a small network on each set of rows and tell which of others it gets right.

    Parameters
    ----------
    sample : Sample
    learnt : ndarray of int64, shape (r, n)
        Positions.
    judged : ndarray of int64, shape (r, m)
        Positions.
    modality : str
    length : Length, optional
        That of a run by default.

    Returns
    -------
    ndarray of bool, shape (r, m)
    """
    told = predictions(
        sample.inputs[learnt],
        sample.codes[learnt],
        sample.inputs[judged],
        classes=sample.classes,
        length=length or length_of(learnt.shape[1], modality),
    )
    return np.asarray(told == sample.codes[judged])


def unprobed_epochs(modality: str) -> Lever:
    """Say what other sets lost, where there is no time for a probe."""
    points = fewer_epochs_points(modality, 0.0)
    return _lever(points, "not probed on these rows: what other sets lost")


def _lever(points: Estimate, evidence: str) -> Lever:
    return Lever(
        name=NAME,
        command=COMMAND,
        acts_on=("cost",),
        times=HALF,
        points=points,
        cost=0.0,
        evidence=evidence,
    )
