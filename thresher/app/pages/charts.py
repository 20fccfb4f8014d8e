"""Line charts of the report, and what all its charts have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup, escape

from ...core.svg import Axis, Frame, points, text

FRAME = Frame(width=560, height=260, left=52, right=12, top=12, bottom=34)


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
    drawn = {name: list(line) for name, line in series.items() if line}
    if not drawn:
        return Markup("")
    xs = [x for line in drawn.values() for x, _ in line]
    ys = [y for line in drawn.values() for _, y in line]
    margin = 0.05 * (max(ys) - min(ys)) or 0.05 * abs(max(ys)) or 0.05
    x_axis = FRAME.x_axis(min(xs), max(xs))
    y_axis = FRAME.y_axis(min(ys) - margin, max(ys) + margin)
    body = grid(x_axis, y_axis, ticks=(5, 4), as_percent=as_percent)
    body += "".join(
        _line([(x_axis.at(x), y_axis.at(y)) for x, y in line], index)
        for index, line in enumerate(drawn.values())
    )
    return figure(body, title=title, x_label=x_label, names=enumerate(drawn))


def figure(body: str, *, title: str, x_label: str, names: Iterable[tuple[int, str]]) -> Markup:
    """Return a drawing with its caption, the words below its axis, and a legend.

    Parameters
    ----------
    body : str
        SVG.
    title, x_label : str
    names : iterable of (int, str)
        Number of the color, and what it stands for.
    """
    legend = "".join(f'<span class="key c{index}">{escape(name)}</span>' for index, name in names)
    below = text(FRAME.width / 2, FRAME.height - 4, x_label, css="axis")
    return Markup(
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {FRAME.width} {FRAME.height}" role="img" '
        f'aria-label="{escape(title)}">{body}{below}</svg>'
        f'<div class="legend">{legend}</div></figure>'
    )


def grid(x_axis: Axis, y_axis: Axis, *, ticks: tuple[int, int], as_percent: bool) -> str:
    """Return lines and numbers at about so many round values of x and of y."""
    parts = []
    for value in y_axis.ticks(ticks[1]):
        y = y_axis.at(value)
        shown = f"{100 * value:.4g} %" if as_percent else _number(value)
        parts.append(FRAME.across(y, css="grid"))
        parts.append(text(FRAME.left - 6, y + 4, shown, anchor="end", css="axis"))
    below = FRAME.height - FRAME.bottom + 15
    for value in x_axis.ticks(ticks[0]):
        parts.append(text(x_axis.at(value), below, f"{value:.4g}", css="axis"))
    return "".join(parts)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _line(places: Sequence[tuple[float, float]], index: int) -> str:
    x, y = places[-1]
    return (
        f'<polyline class="line c{index}" points="{points(places)}"/>'
        f'<circle class="dot c{index}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
    )
