"""What a finished model does on the judged rows: accuracy, calibration, bytes, time of one row."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from thresher.core.exported.session import open_session
from thresher.core.numerics.softmax import softmax

BINS = 15
SESSIONS, CALLS, WARM = 5, 100, 10


@dataclass(frozen=True)
class Cost:
    """What was spent before a model stood: columns of the table that no file tells."""

    rows: int
    labels: int
    flops: float | None
    cpu_s: float


def calibration_error(probabilities: np.ndarray, codes: np.ndarray, *, bins: int = BINS) -> float:
    """Return the expected calibration error (Naeini et al., 2015).

    Rows are put into bins of equal width by the probability of their most probable class; the gap
    between its mean and the accuracy counts with each bin's share of the rows.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, classes)
    codes : ndarray of int, shape (n,)
        Right classes.
    """
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == codes
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = np.bincount(place, weights=sure - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(codes))


def judged_file(
    path: Path, inputs: np.ndarray, codes: np.ndarray, *, before: Callable[[], Any] | None = None
) -> dict[str, Any]:
    """Judge an ONNX file that gives logits.

    Parameters
    ----------
    inputs : ndarray, shape (n, …)
        As the file takes them.
    before : callable, optional
        What each row goes through first, such as an encoder; its time counts.
    """
    session = open_session(path, threads=1)
    name = session.get_inputs()[0].name
    parts = np.array_split(np.ascontiguousarray(inputs), max(1, len(inputs) // 500))
    logits = np.concatenate([session.run(None, {name: part})[0] for part in parts])
    row = np.ascontiguousarray(inputs[:1])

    def fresh() -> Callable[[], Any]:
        opened = open_session(path, threads=1)
        return lambda: opened.run(None, {name: row})

    found = judged_probabilities(softmax(logits.astype(np.float64)), codes)
    return found | {
        "bytes": path.stat().st_size,
        "ms": milliseconds(fresh) + (0.0 if before is None else encoder_ms(before)),
    }


def judged_probabilities(probabilities: np.ndarray, codes: np.ndarray) -> dict[str, float]:
    """Return accuracy and calibration error."""
    return {
        "accuracy": float((probabilities.argmax(axis=1) == codes).mean()),
        "ece": calibration_error(probabilities, codes),
    }


def milliseconds(make: Callable[[], Callable[[], Any]]) -> float:
    """Return the CPU time of one call: the lowest of the medians of several callables made anew.

    Where a session's memory happens to lie moves its time; waiting for a busy processor does not
    count.
    """
    medians = []
    for _ in range(SESSIONS):
        call = make()
        for _ in range(WARM):
            call()
        times = []
        for _ in range(CALLS):
            start = time.thread_time()
            call()
            times.append(time.thread_time() - start)
        medians.append(float(np.median(times)))
    return 1e3 * min(medians)


@cache
def encoder_ms(call: Callable[[], Any]) -> float:
    """Return the time of a step that several ways share, measured once."""
    return milliseconds(lambda: call)
