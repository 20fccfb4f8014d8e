"""Promises kept: limits on size, accuracy and latency, checked against what was measured.

A number that carries an interval misses its limit only when the whole interval lies beyond it,
so that noise alone does not stop a build; a number without one is compared as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from thresher.core.errors import GateError, InputError, did_you_mean

from .profiling.latency import LatencyRatio

Measured = float | tuple[float, float, float] | LatencyRatio

# limit → (what is measured, does the limit bound it from above)
LIMITS = {
    "max_accuracy_drop": ("accuracy_drop", True),
    "max_bytes": ("bytes", True),
    "max_latency_ratio": ("latency_ratio", True),
    "max_p50_ms": ("p50_ms", True),
    "min_accuracy": ("accuracy", False),
    "min_agreement": ("agreement", False),
}


@dataclass(frozen=True)
class GateCheck:
    """One limit and what was measured.

    Attributes
    ----------
    name : str
        Of the limit.
    limit, value : float
    interval : tuple of float
        Equal bounds where the number has no interval.
    met : bool
    certain : bool
        False when the limit lies within the interval: met, but not shown.
    """

    name: str
    limit: float
    value: float
    interval: tuple[float, float]
    met: bool
    certain: bool

    def __str__(self) -> str:
        low, high = self.interval
        spread = f" [{low:.4g}, {high:.4g}]" if low != high else ""
        return f"{self.name} = {self.limit:g}, measured {self.value:.4g}{spread}"


def check_gate(budget: Mapping[str, float], measured: Mapping[str, Measured]) -> list[GateCheck]:
    """Check every limit in `budget`.

    Parameters
    ----------
    budget : mapping
        Of ``max_accuracy_drop``, ``max_bytes``, ``max_latency_ratio``, ``max_p50_ms``,
        ``min_accuracy`` and ``min_agreement`` those that shall hold.
    measured : mapping
        ``accuracy_drop``, ``bytes``, ``latency_ratio`` (against a baseline, from
        `profiling.compare`), ``p50_ms``, ``accuracy``, ``agreement``: a number, a `LatencyRatio`,
        or a triple (value, low, high).

    Returns
    -------
    list of GateCheck
        In the order of `budget`.

    Raises
    ------
    GateError
        When limits are missed; names all of them with their numbers.
    InputError
        When a limit is unknown or its number was not measured.
    """
    checks = judge_gate(budget, measured)
    missed = [str(check) for check in checks if not check.met]
    if missed:
        raise GateError("Limits not met: " + "; ".join(missed) + ".")
    return checks


def judge_gate(budget: Mapping[str, float], measured: Mapping[str, Measured]) -> list[GateCheck]:
    """Check as `check_gate` does, and raise nothing for a missed limit."""
    return [_check(name, limit, measured) for name, limit in budget.items()]


def _check(name: str, limit: float, measured: Mapping[str, Measured]) -> GateCheck:
    if name not in LIMITS:
        raise InputError(
            f"The budget has no limit called {name!r}. Known: {', '.join(LIMITS)}."
            f"{did_you_mean(name, LIMITS)}"
        )
    what, is_upper = LIMITS[name]
    if what not in measured:
        raise InputError(f"The budget limits {what!r}, but it was not measured.")
    value, low, high = _triple(measured[what])
    best, worst = (low, high) if is_upper else (high, low)

    def within(number: float) -> bool:
        # Not a number is never within.
        return number <= limit if is_upper else number >= limit

    return GateCheck(
        name=name,
        limit=limit,
        value=value,
        interval=(low, high),
        met=within(best),
        certain=within(best) == within(worst),
    )


def _triple(measured: Measured) -> tuple[float, float, float]:
    if isinstance(measured, LatencyRatio):
        return (measured.median, *measured.interval)
    if isinstance(measured, tuple):
        return measured
    return (measured, measured, measured)
