"""The page of ``thresher monitor``: one file, without a script."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from markupsafe import Markup

from lifecycle.monitoring.accuracy import HINT
from lifecycle.monitoring.days import DAY, Day

from ...core.files import write_text
from ...core.svg import line, points
from ..pages.charts import FRAME, figure, grid, line_chart
from ..pages.templates import template
from .advising import advice

if TYPE_CHECKING:
    from lifecycle import TriggerRules

    from .monitored import Monitored

COLUMNS, LOOKS = 12, 30


def write_monitor_page(found: Monitored, *, rules: TriggerRules | None) -> None:
    """Write the page of a look.

    Parameters
    ----------
    found : Monitored
    rules : TriggerRules or None
        Whose floor is drawn.
    """
    first = found.days[0].start
    numbered = [((day.start - first) / DAY, day) for day in found.days]
    below = f"Days since {_date(first)}"
    known = [(x, day) for x, day in numbered if day.p50_ms is not None]
    times = line_chart(
        {
            "half of the requests": [(x, day.p50_ms or 0.0) for x, day in known],
            "99 % of them": [(x, day.p99_ms or 0.0) for x, day in known],
        },
        title="Milliseconds until the answer",
        x_label=below,
    )
    rows = line_chart(
        {"rows": [(x, float(day.rows)) for x, day in numbered]}, title="Rows a day", x_label=below
    )
    text = template("monitor.html.j2").render(
        found=found,
        last=found.days[-1],
        hint=HINT,
        needed=None if found.needed is None else advice(found.needed),
        since=_date(first),
        until=_date(found.days[-1].start),
        charts=[accuracy_chart(numbered, x_label=below, rules=rules), times, rows],
        columns=[] if found.drift is None else found.drift.columns[:COLUMNS],
        looks=[(_date(look.day * DAY), look) for look in found.looks[-LOOKS:]],
    )
    write_text(found.page, text)


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def accuracy_chart(
    days: list[tuple[float, Day]], *, x_label: str, rules: TriggerRules | None
) -> Markup:
    """Draw the accuracy from labels with its interval, the hint without labels, and the floor."""
    sure = [
        (x, a.value, a.low, a.high)
        for x, day in days
        if (a := day.accuracy).value is not None and a.low is not None and a.high is not None
    ]
    hints = [(x, day.accuracy.hint) for x, day in days if day.accuracy.hint is not None]
    ys = [y for _, *three in sure for y in three] + [y for _, y in hints]
    ys += [rules.floor] if rules else []
    if not ys:
        return Markup("")
    x_axis = FRAME.x_axis(min(x for x, _ in days), max(1.0, *(x for x, _ in days)))
    y_axis = FRAME.y_axis(max(0.0, min(ys) - 0.02), min(1.0, max(ys) + 0.02))
    body = grid(x_axis, y_axis, ticks=(5, 4), as_percent=True)
    around = [(x_axis.at(x), y_axis.at(high)) for x, _, _, high in sure]
    around += [(x_axis.at(x), y_axis.at(low)) for x, _, low, _ in reversed(sure)]
    if len(sure) > 1:
        body += f'<polygon class="band" points="{points(around)}"/>'
    for x, value, low, high in sure:
        at = x_axis.at(x)
        body += line(at, y_axis.at(low), at, y_axis.at(high), css="whisker")
        body += f'<circle class="dot c0" cx="{at:.1f}" cy="{y_axis.at(value):.1f}" r="3"/>'
    drawn = points((x_axis.at(x), y_axis.at(y)) for x, y in hints)
    body += f'<polyline class="line c1 hint" points="{drawn}"/>'
    if rules is not None:
        body += FRAME.across(y_axis.at(rules.floor), css="limit")
    names = [(0, "from labels, with its 95 % interval"), (1, "hint without labels")]
    return figure(body, title="Accuracy", x_label=x_label, names=names)
