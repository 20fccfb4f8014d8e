"""A scatter plot with its Pareto front as inline SVG: no script, no network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from .charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis

_STEPS = ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 5), (1,))
_CROWDED = 9


@dataclass(frozen=True)
class Point:
    """One measured thing.

    Attributes
    ----------
    name : str
        Shown when the pointer rests on it.
    x, y : float
        `x` is positive, and its axis logarithmic.
    low, high : float
        Interval of `y`.
    chosen : bool
        Drawn larger.
    """

    name: str
    x: float
    y: float
    low: float
    high: float
    chosen: bool = False


def scatter_chart(
    groups: Mapping[str, Sequence[Point]],
    *,
    title: str,
    x_label: str,
    x_limit: float | None = None,
    y_limit: float | None = None,
) -> Markup:
    """Draw up to six groups of points, shares on the y axis; without points an empty text.

    The stepped line joins the points that no other beats with less x and more y. Limits are dashed.
    """
    points = [point for group in groups.values() for point in group]
    if not points:
        return Markup("")
    xs = [point.x for point in points] + ([x_limit] if x_limit else [])
    ys = [y for one in points for y in (one.low, one.high)]
    ys += [y_limit] if y_limit is not None else []
    x_axis = Axis(math.log10(min(xs) / 1.15), math.log10(max(xs) * 1.15), LEFT, WIDTH - RIGHT)
    margin = 0.04 * (max(ys) - min(ys)) or 0.05
    y_axis = Axis(max(0.0, min(ys) - margin), min(1.0, max(ys) + margin), HEIGHT - BOTTOM, TOP)
    body = _grid(x_axis, y_axis) + _limits(x_axis, y_axis, x_limit, y_limit)
    body += _front(points, x_axis, y_axis) + "".join(
        _dots(group, index, x_axis, y_axis) for index, group in enumerate(groups.values())
    )
    legend = "".join(
        f'<span class="key c{index}">{escape(name)}</span>'
        for index, (name, group) in enumerate(groups.items())
        if group
    )
    return Markup(
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{body}'
        f'<text class="axis" x="{WIDTH / 2}" y="{HEIGHT - 4}" text-anchor="middle">'
        f'{escape(x_label)}</text></svg><div class="legend">{legend}</div></figure>'
    )


def front_of(points: Sequence[Point]) -> list[Point]:
    """Return the points with more y than any of at most their x, from left to right."""
    best, found = -math.inf, []
    for point in sorted(points, key=lambda one: (one.x, -one.y)):
        if point.y > best:
            found.append(point)
            best = point.y
    return found


def log_ticks(low: float, high: float) -> list[float]:
    """Return round values between 10^`low` and 10^`high`, about nine at most."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    for steps in _STEPS:
        ticks = [step * 10.0**power for power in powers for step in steps]
        ticks = [tick for tick in ticks if low <= math.log10(tick) <= high]
        if len(ticks) <= _CROWDED:
            break
    return ticks


def _grid(x_axis: Axis, y_axis: Axis) -> str:
    parts = []
    for value in y_axis.ticks(5):
        y = y_axis.at(value)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="axis" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
            f"{100 * value:.4g} %</text>"
        )
    for value in log_ticks(x_axis.low, x_axis.high):
        parts.append(
            f'<text class="axis" x="{x_axis.at(math.log10(value)):.1f}" '
            f'y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{value:g}</text>'
        )
    return "".join(parts)


def _limits(x_axis: Axis, y_axis: Axis, x_limit: float | None, y_limit: float | None) -> str:
    parts = []
    if x_limit is not None:
        x = x_axis.at(math.log10(x_limit))
        parts.append(
            f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        )
    if y_limit is not None:
        y = y_axis.at(y_limit)
        parts.append(
            f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
    return "".join(parts)


def _front(points: Sequence[Point], x_axis: Axis, y_axis: Axis) -> str:
    places: list[str] = []
    for point in front_of(points):
        x, y = x_axis.at(math.log10(point.x)), y_axis.at(point.y)
        places += [f"{x:.1f},{places[-1].split(',')[1]}"] if places else []
        places.append(f"{x:.1f},{y:.1f}")
    return f'<polyline class="front" points="{" ".join(places)}"/>'


def _dots(group: Sequence[Point], index: int, x_axis: Axis, y_axis: Axis) -> str:
    parts = []
    for point in group:
        x, y = x_axis.at(math.log10(point.x)), y_axis.at(point.y)
        parts.append(
            f'<line class="line thin c{index}" x1="{x:.1f}" x2="{x:.1f}" '
            f'y1="{y_axis.at(point.low):.1f}" y2="{y_axis.at(point.high):.1f}"/>'
            f'<circle class="dot c{index}" cx="{x:.1f}" cy="{y:.1f}" '
            f'r="{7 if point.chosen else 4}"><title>{escape(point.name)}</title></circle>'
        )
    return "".join(parts)
