"""Which bottleneck presses most, and what is said of the levers on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from .levers import LITTLE, NONE_FOUND, NOT, PAYS, UNCLEAR, UNPROBED, Bottleneck, Lever
from .places import around_first

# What is comfortable on any machine: points that twice the labels would still win, CPU-seconds of
# a run, bytes of a file that every page and device bears, milliseconds a row.
COMFORTABLE = {"labels": 1.0, "cost": 600.0, "size": 1e6, "latency": 5.0}
SAID = {
    "labels": "twice the labels would win {:.1f} points",
    "cost": "a full run takes about {:,.0f} CPU-seconds",
    "size": "the student's file has {:,.0f} bytes",
    "latency": "the student takes {:.2f} ms for a row",
}


def choose_bottleneck(measured: Mapping[str, float]) -> Bottleneck:
    """Choose what lies furthest above the comfortable, as multiples of it.

    Parameters
    ----------
    measured : mapping of str to float
        By bottleneck, in the units of `COMFORTABLE`; what was not measured is left out.
    """
    order = sorted(measured, key=lambda name: -measured[name] / COMFORTABLE[name])
    pressing, *others = (
        f"{SAID[name].format(measured[name])} (comfortable: {COMFORTABLE[name]:,.0f})"
        for name in order
    )
    beside = f"; beside it, {'; '.join(others)}" if others else ""
    if measured[order[0]] <= COMFORTABLE[order[0]]:
        why = "nothing lies above what is comfortable, and this comes closest"
    else:
        why = "it lies furthest above what is comfortable"
    return Bottleneck(order[0], f"{why}: {pressing}{beside}")


def sentences(bottleneck: Bottleneck, levers: Sequence[Lever]) -> str:
    """Return the advice in one or two sentences.

    Parameters
    ----------
    bottleneck : Bottleneck
    levers : sequence of Lever
        Those that act on it, ranked.
    """
    paying = [lever for lever in levers if lever.verdict == PAYS]
    above, level = around_first(levers) if paying else ([], [])
    unclear = [one for one in levers if one.verdict == UNCLEAR and one not in above]
    unmade = sum(lever.verdict == UNPROBED for lever in levers)
    quiet = f" The probes cannot tell whether to {_listed(unclear)}." if unclear else ""
    quiet += f" {unmade} more would take longer to probe than is allowed." if unmade else ""
    if not paying:
        tried = [lever for lever in levers if lever.verdict in (NOT, NONE_FOUND, UNCLEAR)]
        surely = "surely " if unclear else ""
        return (
            f"Nothing {surely}pays here for {bottleneck.name}: of the levers probed "
            f"({len(tried)}) none is sure to be worth more than it costs.{quiet}"
        )
    first, *others = paying
    then = f" Then {_listed(others)}." if others else ""
    if above:
        then += f" Expected to return more, but not sure to pay: {_listed(above, 'and')}."
    if level:
        then += f" Level with the first, by their intervals: {_listed(level, 'and')}."
    return f"For {bottleneck.name}, {first.name} first: {said(first)}.{then}{quiet}"


def said(lever: Lever) -> str:
    """Say what a lever gives, with its 80 % interval."""
    points = lever.points
    value, low, high = (plain(x, 1) for x in (points.value, points.low, points.high))
    gain = f"{value:+.1f} points ({low:+.1f} to {high:+.1f})"
    if abs(math.log2(lever.times.value)) < LITTLE / 2:
        return gain
    way = "less" if lever.times.value > 1 else "more"
    times = lever.times.value if lever.times.value > 1 else 1 / lever.times.value
    return f"{times:.3g} times {way} of it at {gain}"


def range_said(first: int, last: int) -> str:
    """Say a place: ``2``, or ``1 to 3`` where others are level."""
    return str(first) if first == last else f"{first} to {last}"


def plain(value: float, digits: int) -> float:
    """Return a number as it is written, with 0 instead of -0."""
    return round(value, digits) + 0.0


def _listed(levers: Sequence[Lever], last: str = "or") -> str:
    names = [lever.name for lever in levers]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"
