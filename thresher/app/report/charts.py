"""Line charts as inline SVG: no script, no network, readable in print and on a phone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 560, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 34


@dataclass(frozen=True)
class Axis:
    """A linear axis: data range and pixel range."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Map a value to a pixel position."""
        span = self.high - self.low or 1.0
        return self.start + (value - self.low) / span * (self.end - self.start)

    def ticks(self, count: int) -> list[float]:
        """Return about `count` round values inside the range."""
        span = self.high - self.low
        if span <= 0:
            return [self.low]
        power = 10.0 ** math.floor(math.log10(span / count))
        step = next(power * nice for nice in (1, 2, 5, 10) if span / (power * nice) <= count)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def line_chart(
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    title: str,
    x_label: str,
    as_percent: bool = False,
) -> Markup:
    """Draw up to six named lines; an empty chart is an empty text.

    Parameters
    ----------
    series : mapping of name to points (x, y)
    title : str
        Read out by screen readers and shown as the caption.
    x_label : str
    as_percent : bool
        Whether y is a share.
    """
    drawn = {name: list(points) for name, points in series.items() if points}
    if not drawn:
        return Markup("")
    xs = [x for points in drawn.values() for x, _ in points]
    ys = [y for points in drawn.values() for _, y in points]
    margin = 0.05 * (max(ys) - min(ys)) or 0.05
    x_axis = Axis(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    y_axis = Axis(min(ys) - margin, max(ys) + margin, HEIGHT - BOTTOM, TOP)
    body = _grid(x_axis, y_axis, as_percent=as_percent) + _lines(drawn, x_axis, y_axis)
    legend = "".join(
        f'<span class="key c{index}">{escape(name)}</span>' for index, name in enumerate(drawn)
    )
    return Markup(
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{body}'
        f'<text class="axis" x="{WIDTH / 2}" y="{HEIGHT - 4}" text-anchor="middle">'
        f'{escape(x_label)}</text></svg><div class="legend">{legend}</div></figure>'
    )


def _grid(x_axis: Axis, y_axis: Axis, *, as_percent: bool) -> str:
    parts = []
    for value in y_axis.ticks(4):
        y = y_axis.at(value)
        shown = f"{100 * value:.4g} %" if as_percent else f"{value:.4g}"
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(
            f'<text class="axis" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{shown}</text>'
        )
    for value in x_axis.ticks(5):
        x = x_axis.at(value)
        parts.append(
            f'<text class="axis" x="{x:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">'
            f"{value:.4g}</text>"
        )
    return "".join(parts)


def _lines(drawn: Mapping[str, Sequence[tuple[float, float]]], x_axis: Axis, y_axis: Axis) -> str:
    parts = []
    for index, points in enumerate(drawn.values()):
        places = [(x_axis.at(x), y_axis.at(y)) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline class="line c{index}" points="{path}"/>')
        x, y = places[-1]
        parts.append(f'<circle class="dot c{index}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>')
    return "".join(parts)
