"""Line plots as SVG text, with a logarithmic x axis; no plotting library is needed."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 60, 180, 20, 50
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666", "#a6761d")


@dataclass(frozen=True)
class Line:
    """One curve: name, x above 0, y, and the half-width of its band, each of shape (b,)."""

    name: str
    x: np.ndarray
    y: np.ndarray
    spread: np.ndarray


def line_plot(lines: list[Line], *, x_title: str, y_title: str) -> str:
    """Return an SVG document with the lines, their bands, axes and a legend."""
    x = np.concatenate([line.x for line in lines])
    low = np.concatenate([line.y - line.spread for line in lines]).min()
    high = np.concatenate([line.y + line.spread for line in lines]).max()
    frame = _Frame(x.min(), x.max(), float(low), float(high))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        *_axes(frame, ticks=np.unique(x), x_title=x_title, y_title=y_title),
    ]
    for number, line in enumerate(lines):
        parts += _line(line, frame, number=number)
    return "\n".join([*parts, "</svg>"]) + "\n"


@dataclass(frozen=True)
class _Frame:
    """Maps data to the picture."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        width = max(np.log(self.x_high / self.x_low), 1e-9)
        return float(LEFT + np.log(value / self.x_low) / width * (WIDTH - LEFT - RIGHT))

    def y(self, value: float) -> float:
        height = max(self.y_high - self.y_low, 1e-9)
        share = (value - self.y_low) / height
        return float(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM))


def _axes(frame: _Frame, *, ticks: np.ndarray, x_title: str, y_title: str) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="black"/>']
    for tick in ticks:
        parts.append(_text(frame.x(tick), bottom + 18, f"{tick:g}", anchor="middle"))
    for value in np.linspace(frame.y_low, frame.y_high, 6):
        y = frame.y(float(value))
        parts.append(f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{value:.2f}", anchor="end"))
    parts.append(_text((LEFT + right) / 2, HEIGHT - 10, x_title, anchor="middle"))
    parts.append(_text(LEFT, TOP - 6, y_title, anchor="middle"))
    return parts


def _line(line: Line, frame: _Frame, *, number: int) -> list[str]:
    color = COLORS[number % len(COLORS)]
    dash = ' stroke-dasharray="6 3"' if number >= len(COLORS) else ""
    pen = f'stroke="{color}" stroke-width="2"{dash}'
    upper = [(frame.x(a), frame.y(b)) for a, b in zip(line.x, line.y + line.spread, strict=True)]
    lower = [(frame.x(a), frame.y(b)) for a, b in zip(line.x, line.y - line.spread, strict=True)]
    middle = [(frame.x(a), frame.y(b)) for a, b in zip(line.x, line.y, strict=True)]
    y = TOP + 14 + 18 * number
    return [
        f'<polygon points="{_points(upper + lower[::-1])}" fill="{color}" opacity="0.12"/>',
        f'<polyline points="{_points(middle)}" fill="none" {pen}/>',
        f'<path d="M{WIDTH - RIGHT + 12} {y - 4}h20" {pen}/>',
        _text(WIDTH - RIGHT + 38, y, line.name, anchor="start"),
    ]


def _points(pairs: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)


def _text(x: float, y: float, text: str, *, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
