"""The page of ``thresher search``: what was tried, the Pareto front, and what was chosen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...core.counted import counted
from ...core.files import write_text
from .scatter import Point, scatter_chart
from .templates import template

if TYPE_CHECKING:
    from training.search import Candidate, SearchResult

PAGE = "search.html"


def write_search_page(result: SearchResult, *, origin: str) -> Path:
    """Write one file into the folder of the search and return its path.

    Parameters
    ----------
    result : SearchResult
    origin : str
        Names the data.
    """
    target = result.target
    path = result.folder / PAGE
    text = template("search.html.j2").render(
        result=result,
        origin=origin,
        finished=sorted(_finished(result), key=lambda one: -(one.accuracy or 0.0)),
        others=[one for one in result.candidates if one.state != "finished"],
        front={one.variant.name for one in result.front},
        charts=[
            scatter_chart(
                _points(result, by="time"),
                title="Accuracy by time",
                x_label=f"Median milliseconds of a batch of {result.batch_size}, logarithmic",
                x_limit=target.max_ms,
                y_limit=target.min_accuracy,
            ),
            scatter_chart(
                _points(result, by="size"),
                title="Accuracy by size",
                x_label="Kilobytes of the file, logarithmic",
                x_limit=None if target.max_bytes is None else target.max_bytes / 1e3,
                y_limit=target.min_accuracy,
            ),
        ],
        limits=limits_in_words(result),
    )
    write_text(path, text)
    return path


def limits_in_words(result: SearchResult) -> str:
    """Say what was asked for, such as ``at most 0.2 ms and at least 90 % accuracy``."""
    target = result.target
    parts = [
        f"at most {target.max_ms:g} ms" if target.max_ms is not None else "",
        f"at most {counted(target.max_bytes, 'byte')}" if target.max_bytes is not None else "",
        f"at least {100 * target.min_accuracy:g} % accuracy"
        if target.min_accuracy is not None
        else "",
    ]
    return ", ".join(part for part in parts if part) or "no limits"


def _finished(result: SearchResult) -> list[Candidate]:
    return [one for one in result.candidates if one.state == "finished"]


def _points(result: SearchResult, *, by: str) -> dict[str, list[Point]]:
    groups: dict[str, list[Point]] = {}
    for one in _finished(result):
        assert one.costs is not None
        assert one.accuracy is not None
        assert one.interval is not None
        kind = one.variant.name.rpartition("-")[2]
        x = one.costs.p50_ms if by == "time" else one.costs.size_bytes / 1e3
        point = Point(one.variant.name, x, one.accuracy, *one.interval, one == result.chosen)
        groups.setdefault(kind, []).append(point)
    return groups
