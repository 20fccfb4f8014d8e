"""Line plots as SVG text, with a logarithmic x axis; no plotting library is needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.svg import Axis, Frame, points, text

FRAME = Frame(width=720, height=440, left=60, right=180, top=20, bottom=50)
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
    x_axis = FRAME.x_axis(float(x.min()), float(x.max()), logarithmic=True)
    y_axis = FRAME.y_axis(float(low), float(high))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {FRAME.width} {FRAME.height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{FRAME.width}" height="{FRAME.height}" fill="white"/>',
        *_axes(x_axis, y_axis, ticks=np.unique(x), x_title=x_title, y_title=y_title),
    ]
    for number, line in enumerate(lines):
        parts += _line(line, x_axis, y_axis, number=number)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _axes(
    x_axis: Axis, y_axis: Axis, *, ticks: np.ndarray, x_title: str, y_title: str
) -> list[str]:
    left, top = FRAME.left, FRAME.top
    bottom, right = FRAME.height - FRAME.bottom, FRAME.width - FRAME.right
    parts = [f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="black"/>']
    parts += [text(x_axis.at(tick), bottom + 18, f"{tick:g}") for tick in ticks]
    for value in np.linspace(y_axis.low, y_axis.high, 6):
        y = y_axis.at(float(value))
        parts.append(f'<path d="M{left} {y:.1f}H{right}" stroke="#ddd"/>')
        parts.append(text(left - 8, y + 4, f"{value:.2f}", anchor="end"))
    parts.append(text((left + right) / 2, FRAME.height - 10, x_title))
    parts.append(text(left, top - 6, y_title))
    return parts


def _line(line: Line, x_axis: Axis, y_axis: Axis, *, number: int) -> list[str]:
    color = COLORS[number % len(COLORS)]
    dash = ' stroke-dasharray="6 3"' if number >= len(COLORS) else ""
    pen = f'stroke="{color}" stroke-width="2"{dash}'

    def places(values: np.ndarray) -> list[tuple[float, float]]:
        return [(x_axis.at(a), y_axis.at(b)) for a, b in zip(line.x, values, strict=True)]

    upper, lower = places(line.y + line.spread), places(line.y - line.spread)
    legend, y = FRAME.width - FRAME.right, FRAME.top + 14 + 18 * number
    return [
        f'<polygon points="{points(upper + lower[::-1])}" fill="{color}" opacity="0.12"/>',
        f'<polyline points="{points(places(line.y))}" fill="none" {pen}/>',
        f'<path d="M{legend + 12} {y - 4}h20" {pen}/>',
        text(legend + 38, y, line.name, anchor="start"),
    ]
