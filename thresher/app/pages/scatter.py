"""A scatter plot with its Pareto front as inline SVG: no script, no network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from ...core.svg import Axis, line, points
from .charts import FRAME, figure, grid


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
    shown = [point for group in groups.values() for point in group]
    if not shown:
        return Markup("")
    xs = [point.x for point in shown] + ([x_limit] if x_limit else [])
    ys = [y for one in shown for y in (one.low, one.high)]
    ys += [y_limit] if y_limit is not None else []
    x_axis = FRAME.x_axis(min(xs) / 1.15, max(xs) * 1.15, logarithmic=True)
    margin = 0.04 * (max(ys) - min(ys)) or 0.05
    y_axis = FRAME.y_axis(max(0.0, min(ys) - margin), min(1.0, max(ys) + margin))
    body = grid(x_axis, y_axis, ticks=(9, 5), as_percent=True)
    body += "" if x_limit is None else FRAME.upright(x_axis.at(x_limit), css="limit")
    body += "" if y_limit is None else FRAME.across(y_axis.at(y_limit), css="limit")
    body += _front(shown, x_axis, y_axis)
    for index, group in enumerate(groups.values()):
        body += "".join(_dot(point, index, x_axis, y_axis) for point in group)
    names = [(index, name) for index, (name, group) in enumerate(groups.items()) if group]
    return figure(body, title=title, x_label=x_label, names=names)


def front_of(shown: Sequence[Point]) -> list[Point]:
    """Return the points with more y than any of at most their x, from left to right."""
    best, found = -math.inf, []
    for point in sorted(shown, key=lambda one: (one.x, -one.y)):
        if point.y > best:
            found.append(point)
            best = point.y
    return found


def _front(shown: Sequence[Point], x_axis: Axis, y_axis: Axis) -> str:
    places: list[tuple[float, float]] = []
    for point in front_of(shown):
        x, y = x_axis.at(point.x), y_axis.at(point.y)
        places += [(x, places[-1][1])] if places else []
        places.append((x, y))
    return f'<polyline class="front" points="{points(places)}"/>'


def _dot(point: Point, index: int, x_axis: Axis, y_axis: Axis) -> str:
    x, low, y, high = x_axis.at(point.x), *map(y_axis.at, (point.low, point.y, point.high))
    return (
        line(x, low, x, high, css=f"line thin c{index}")
        + f'<circle class="dot c{index}" cx="{x:.1f}" cy="{y:.1f}" '
        + f'r="{7 if point.chosen else 4}"><title>{escape(point.name)}</title></circle>'
    )
