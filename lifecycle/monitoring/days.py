"""What a log of requests and the audit labels say, day by day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.errors import InputError, check_count

from .accuracy import AccuracyEstimate, estimate_accuracy

DAY = 86_400.0


@dataclass(frozen=True)
class Day:
    """One day, and the accuracy on the days up to it.

    Attributes
    ----------
    start : float
        Seconds since 1970, UTC.
    rows : int
    failed : int
        Rows whose answer was NaN; they count as wrong where they are labeled.
    accuracy : AccuracyEstimate
        On this day and those before it that belong to the window.
    p50_ms, p99_ms : float or None
    """

    start: float
    rows: int
    failed: int
    accuracy: AccuracyEstimate
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True)
class Audited:
    """A labeled row: when it came, how sure the model was, whether it was right."""

    at: float
    confidence: float
    correct: bool


def by_day(
    at: ArrayLike,
    confidence: ArrayLike,
    ms: ArrayLike,
    *,
    audited: Mapping[str, Audited],
    window: int = 7,
) -> list[Day]:
    """Return one entry for each day on which rows came.

    Parameters
    ----------
    at : array, shape (n,)
        Seconds since 1970 at which rows came.
    confidence : array, shape (n,)
        NaN where the model failed.
    ms : array, shape (n,)
        That an answer took.
    audited : mapping of str to Audited
        Labeled rows, by id; those whose request the log has lost are taken too.
    window : int
        Days that an accuracy is estimated on.
    """
    check_count("window", window)
    times, trust = np.asarray(at, dtype=np.float64), np.asarray(confidence, dtype=np.float64)
    took = np.asarray(ms, dtype=np.float64)
    if not len(times) == len(trust) == len(took):
        raise InputError("`at`, `confidence` and `ms` must have an entry for each row.")
    day_of = np.floor(times / DAY)
    labeled = list(audited.values())
    label_day = np.floor(np.array([one.at for one in labeled], dtype=np.float64) / DAY)
    label_trust = np.nan_to_num(np.array([one.confidence for one in labeled], dtype=np.float64))
    right = np.array([one.correct for one in labeled], dtype=np.float64)
    days = []
    for day in np.unique(day_of):
        here = day_of == day
        inside = (day_of > day - window) & (day_of <= day)
        chosen = (label_day > day - window) & (label_day <= day)
        usual = took[here][np.isfinite(took[here])]
        days.append(
            Day(
                start=float(day) * DAY,
                rows=int(here.sum()),
                failed=int(np.isnan(trust[here]).sum()),
                accuracy=estimate_accuracy(
                    np.nan_to_num(trust[inside]),
                    labeled_confidence=label_trust[chosen],
                    correct=right[chosen],
                ),
                p50_ms=float(np.quantile(usual, 0.5)) if len(usual) else None,
                p99_ms=float(np.quantile(usual, 0.99)) if len(usual) else None,
            )
        )
    return days


def choose_audit(
    row_ids: list[str], *, n: int, asked: set[str], random_state: int = 0
) -> list[str]:
    """Return `n` rows drawn at random, none of those that were asked; all when there are fewer."""
    check_count("n", n, low=0)
    left = [row for row in row_ids if row not in asked]
    rng = np.random.default_rng(random_state)
    chosen = rng.permutation(len(left))[:n]
    return [left[at] for at in sorted(chosen)]
