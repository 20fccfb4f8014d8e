"""What a log of requests and the audit labels say, day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.errors import InputError, check_count

from .accuracy import AccuracyEstimate, estimate_accuracy

DAY = 86_400.0
OF_SUSPECTS = 4  # one row that is asked in so many is of a suspected answer
_OF_ONE = 2  # rows of a suspected answer a day: the next look knows more


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
    """A labeled row.

    Attributes
    ----------
    at : float
        Seconds since 1970 at which it came.
    confidence : float
    correct : bool
        Whether the model was right.
    answer : str
        Of the model.
    drawn : bool
        Whether it was drawn at random; only such rows say how often the model is right.
    """

    at: float
    confidence: float
    correct: bool
    answer: str = ""
    drawn: bool = True


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
        Labeled rows, by id; those whose request the log has lost are taken too, and those that were
        not drawn at random are left out.
    window : int
        Days that an accuracy is estimated on.
    """
    check_count("window", window)
    times, trust = np.asarray(at, dtype=np.float64), np.asarray(confidence, dtype=np.float64)
    took = np.asarray(ms, dtype=np.float64)
    if not len(times) == len(trust) == len(took):
        raise InputError("`at`, `confidence` and `ms` must have an entry for each row.")
    day_of = np.floor(times / DAY)
    labeled = [one for one in audited.values() if one.drawn]
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
    row_ids: Sequence[str],
    *,
    n: int,
    asked: Set[str],
    anyway: Set[str] = frozenset(),
    random_state: int = 0,
) -> list[str]:
    """Return rows drawn at random until `n` others than those asked anyway are among them.

    None is of those that were asked; all others are returned when there are fewer than `n`.
    """
    check_count("n", n, low=0)
    left = [row for row in row_ids if row not in asked]
    order = np.random.default_rng(random_state).permutation(len(left))
    new = np.cumsum([left[at] not in anyway for at in order], dtype=int)
    return [left[at] for at in sorted(order[new <= n])] if n else []


def choose_suspected(
    row_ids: Sequence[str],
    answers: Sequence[str],
    confidence: Sequence[float],
    *,
    n: int,
    asked: Set[str],
    suspects: Sequence[str],
    random_state: int = 0,
) -> list[str]:
    """Return `n` rows of the most suspected answers, two of each, none of those that were asked.

    They are drawn from the surer half of the rows of an answer: an error says the most there.

    Parameters
    ----------
    row_ids, answers : sequence of str, length m
    confidence : sequence of float, length m
    n : int
    asked : set of str
    suspects : sequence of str
        Answers, the most suspected first.
    random_state : int
    """
    check_count("n", n, low=0)
    rows: dict[str, list[tuple[float, str]]] = {}
    for name, answer, trust in zip(row_ids, answers, confidence, strict=True):
        if trust >= 0:  # NaN is a failure, which needs no label
            rows.setdefault(answer, []).append((trust, name))
    rng = np.random.default_rng(random_state)
    chosen: list[str] = []
    for answer in suspects:
        if len(chosen) >= n:
            break
        sure = sorted(rows.get(answer, ()), reverse=True)
        left = [name for _, name in sure[: (len(sure) + 1) // 2] if name not in asked]
        chosen += [left[at] for at in rng.permutation(len(left))[:_OF_ONE]]
    return chosen[:n]
