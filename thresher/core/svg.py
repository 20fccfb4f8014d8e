"""Charts as SVG text, without a script or a plotting library; readable in print and on a phone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

# Fewer steps within a power of ten where there are many powers.
_STEPS = ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 5), (1,))
_CROWDED = 9


@dataclass(frozen=True)
class Axis:
    """An axis: data range and pixel range.

    Attributes
    ----------
    low, high : float
        Of the data; above 0 on a logarithmic axis.
    start, end : float
        Where they lie, in pixels.
    logarithmic : bool
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Map a value to a pixel position."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        share = (self._scaled(value) - low) / (high - low or 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self, count: int = _CROWDED) -> list[float]:
        """Return about `count` round values inside the range, at most nine if logarithmic."""
        if self.logarithmic:
            return log_ticks(math.log10(self.low), math.log10(self.high))
        span = self.high - self.low
        if span <= 0:
            return [self.low]
        power = 10.0 ** math.floor(math.log10(span / count))
        step = next(power * nice for nice in (1, 2, 5, 10) if span / (power * nice) <= count)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value


@dataclass(frozen=True)
class Frame:
    """The size of an image and the margins around its data, in pixels."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int

    def x_axis(self, low: float, high: float, *, logarithmic: bool = False) -> Axis:
        """Return the axis along the lower edge."""
        return Axis(low, high, self.left, self.width - self.right, logarithmic)

    def y_axis(self, low: float, high: float) -> Axis:
        """Return the axis along the left edge, from below."""
        return Axis(low, high, self.height - self.bottom, self.top)

    def across(self, y: float, *, css: str) -> str:
        """Return a line from the left edge of the data to the right one."""
        return line(self.left, y, self.width - self.right, y, css=css)

    def upright(self, x: float, *, css: str) -> str:
        """Return a line from the upper edge of the data to the lower one."""
        return line(x, self.top, x, self.height - self.bottom, css=css)


def log_ticks(low: float, high: float) -> list[float]:
    """Return round values between 10^`low` and 10^`high`, about nine at most."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    for steps in _STEPS:
        ticks = [step * 10.0**power for power in powers for step in steps]
        ticks = [tick for tick in ticks if low <= math.log10(tick) <= high]
        if len(ticks) <= _CROWDED:
            break
    return ticks


def points(pairs: Iterable[tuple[float, float]]) -> str:
    """Return the points of a line or an area."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)


def line(x1: float, y1: float, x2: float, y2: float, *, css: str) -> str:
    """Return a straight line with a class of the style sheet."""
    return f'<line class="{css}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def text(x: float, y: float, words: str, *, anchor: str = "middle", css: str = "") -> str:
    """Return words, escaped, that end, begin or have their middle at `x`."""
    kind = f'class="{css}" ' if css else ""
    return f'<text {kind}x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
