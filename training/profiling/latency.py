"""Latency: of one model, and of two by turns.

On a machine that others use too, two measurements one after the other compare the neighbors, not
the models. By turns both see the same disturbances, and the ratio is steady where the times are
not. A call on one thread may be timed by its CPU time instead (`time.thread_time`), in which
waiting for a processor does not count. The interval of the median ratio is distribution-free
(order statistics; Conover, "Practical Nonparametric Statistics", 1999, section 3.2).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from thresher.core.errors import check_count, check_number

Call = Callable[[], object]
Clock = Callable[[], float]
_WARM_UP = 5
_FEWEST = 20


@dataclass(frozen=True)
class Latency:
    """Wall time of one call.

    Attributes
    ----------
    batch_size : int
    p50_ms, p99_ms, min_ms : float
        Milliseconds a batch.
    rows_per_s : float
        At the median.
    calls : int
    """

    batch_size: int
    p50_ms: float
    p99_ms: float
    min_ms: float
    rows_per_s: float
    calls: int


@dataclass(frozen=True)
class LatencyRatio:
    """Time of the first model divided by that of the second.

    Attributes
    ----------
    median : float
        Above 1: the first is slower.
    interval : tuple of float
        Distribution-free interval of the median at the level asked for, or a little above.
    rounds, calls_per_round : int
    """

    median: float
    interval: tuple[float, float]
    rounds: int
    calls_per_round: int


def measure_latency(call: Call, *, batch_size: int, seconds: float = 0.5) -> Latency:
    """Time `call`, which computes one batch, for about `seconds`, and at least 20 times."""
    check_number("seconds", seconds, low=0, high=3600)
    for _ in range(_WARM_UP):
        call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < _FEWEST or time.perf_counter() < end:
        times.append(_time(call, time.perf_counter))
    milliseconds = np.asarray(times) * 1e3
    median = float(np.median(milliseconds))
    return Latency(
        batch_size=batch_size,
        p50_ms=median,
        p99_ms=float(np.percentile(milliseconds, 99)),
        min_ms=float(milliseconds.min()),
        rows_per_s=batch_size / median * 1e3,
        calls=len(times),
    )


def compare_latency(
    first: Call,
    second: Call,
    *,
    rounds: int = 31,
    seconds: float = 1.0,
    confidence: float = 0.99,
    clock: Clock | None = None,
) -> LatencyRatio:
    """Time two calls by turns.

    Parameters
    ----------
    first, second : callable
        Each computes one batch.
    rounds : int
        Each gives one ratio of medians; at least 9.
    seconds : float
        For all rounds together, about; a round has at least 5 calls of each.
    confidence : float
        Of the interval.
    clock : callable, optional
        Returns seconds; by default wall time.
    """
    return compare_renewed(
        lambda: first,
        lambda: second,
        rounds=rounds,
        seconds=seconds,
        confidence=confidence,
        clock=clock,
    )


def compare_renewed(
    open_first: Callable[[], Call],
    open_second: Callable[[], Call],
    *,
    rounds: int = 31,
    seconds: float = 1.0,
    confidence: float = 0.99,
    clock: Clock | None = None,
) -> LatencyRatio:
    """Time two calls by turns, each opened anew for every round.

    Where a session's memory happens to lie moves its time by up to a third for as long as it lives;
    opened again and again, two equal models differ by chance alone, and the interval holds that.

    Parameters
    ----------
    open_first, open_second : callable
        Each returns a call that computes one batch.
    rounds, seconds, confidence, clock
        As in `compare_latency`; opening is not counted in `seconds`.
    """
    check_count("rounds", rounds, low=9)
    check_number("confidence", confidence, low=0.5, high=0.9999)
    # Looked up at the call, so that a test may put a clock of its own in its place.
    clock = clock or time.perf_counter
    once = _once(open_first(), open_second(), clock)
    calls = max(5, int(seconds / rounds / max(once, 1e-7)))
    ratios = np.sort([_opened_round(open_first, open_second, calls, clock) for _ in range(rounds)])
    lowest = _rank(rounds, confidence)
    return LatencyRatio(
        median=float(np.median(ratios)),
        interval=(float(ratios[lowest]), float(ratios[rounds - 1 - lowest])),
        rounds=rounds,
        calls_per_round=calls,
    )


def _once(first: Call, second: Call, clock: Clock) -> float:
    for _ in range(_WARM_UP):
        first()
        second()
    return min(_time(first, clock) + _time(second, clock) for _ in range(3))


def _opened_round(
    open_first: Callable[[], Call], open_second: Callable[[], Call], calls: int, clock: Clock
) -> float:
    first, second = open_first(), open_second()
    for _ in range(2):
        first()
        second()
    return _round(first, second, calls, clock)


def _round(first: Call, second: Call, calls: int, clock: Clock) -> float:
    times = np.empty((calls, 2))
    for index in range(calls):
        # Who goes first changes, for the second finds warmer caches.
        order = ((0, first), (1, second)) if index % 2 else ((1, second), (0, first))
        for column, call in order:
            times[index, column] = _time(call, clock)
    medians = np.median(times, axis=0)
    return float(medians[0] / medians[1])


def _rank(n: int, confidence: float) -> int:
    """Return k such that the k-th smallest and k-th largest of n enclose the median."""
    from scipy.stats import binom

    return max(int(binom.ppf((1 - confidence) / 2, n, 0.5)) - 1, 0)


def _time(call: Call, clock: Clock) -> float:
    start = clock()
    call()
    return clock() - start
