"""The cells as tables: every column of every way, and beside the goals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Cell = dict[str, Any]
BASE = "everything as it comes"
OURS = ("Thresher out of the box", "Thresher, half of the rows, a fifth of the labels")
THEIRS = ("peers", "peers, a fifth of the labels")
VECTORS_RUN = "Thresher on the encoder's vectors"
PLAIN = "plain reference"
LEVERS = (
    "deduplicate",
    "clean labels",
    "core set, half",
    "a quarter of the epochs",
    "active learning, a fifth",
    "augmentation choice",
    "distillation",
    "pruning",
    "quantization",
)
ORDER = (BASE, *LEVERS, *THEIRS, *OURS, VECTORS_RUN, PLAIN)
HEADER = [
    "way",
    "rows",
    "labels",
    "training FLOPs",
    "CPU-seconds",
    "bytes",
    "one row",
    "accuracy",
    "calibration error",
]
NEAR = 1e-9
# Column, its goal as a share of "everything as it comes", and the goal in words.
GOALS = (
    ("rows", 1 / 2, "≤ 1/2"),
    ("labels", 1 / 5, "≤ 1/5"),
    ("flops", 1 / 4, "≤ 1/4"),
    ("bytes", 1 / 20, "≤ 1/20"),
    ("ms", 1 / 10, "≤ 1/10"),
)
ABOUT = {
    "banking77": "Banking77: texts of customers, 77 classes, a tenth of the labels wrong.",
    "adult": "Adult: 50 numbers of a person, 2 classes, 15 % of the labels wrong.",
    "photographs": "Photographs: Imagenette, 10 classes, a quarter of the labels wrong; all but "
    "`thresher run` on the files read vectors of an encoder that ImageNet taught these classes.",
    "cifar10": "CIFAR-10N: pictures of 32 px, 10 classes, labels of one person each.",
}


def page(cells: Sequence[Cell]) -> dict[str, Any]:
    """Return the tables of all ways for the page of benchmarks."""
    return {
        "title": "The headline experiment",
        "note": "Three seeds: mean, and in brackets the lowest and highest. All ways but `thresher "
        "run`'s student train the same network for as many epochs, or as few of them as a run "
        "finds out on Banking77 and Adult; near copies are 15 % and leaked test rows 2 % on top of "
        "the rows; leaked test rows are not judged. Time of one row: CPU time on one thread. "
        "CPU-seconds on a busy machine: choosing, training, compressing. "
        "What follows from it: [headline.md](headline.md).",
        "tables": [_whole(cells, name) for name in _sets(cells)],
    }


def summary(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return the tables of the page of its own: goals set by set, and what each lever gave."""
    return [*(_goals(cells, name) for name in _sets(cells)), _levers(cells)]


def _sets(cells: Sequence[Cell]) -> list[str]:
    return [name for name in ABOUT if _of(cells, name, BASE)]


def _of(cells: Sequence[Cell], name: str, way: str) -> list[Cell]:
    found = [cell for cell in cells if (cell["set"], cell["way"]) == (name, way)]
    return sorted(found, key=lambda cell: int(cell["seed"]))


def _ways(cells: Sequence[Cell], name: str) -> list[str]:
    return [way for way in ORDER if _of(cells, name, way)]


def _whole(cells: Sequence[Cell], name: str) -> dict[str, Any]:
    rows = []
    for way in _ways(cells, name):
        found = _of(cells, name, way)
        measured = [cell for cell in found if "accuracy" in cell]
        if measured:
            title = _titled(way, measured, _of(cells, name, BASE))
            rows.append([title, *(shown(measured, *column) for column in COLUMNS)])
        else:
            rows.append([way, f"does not apply: {found[0]['not']}", *[""] * (len(HEADER) - 2)])
    return {"caption": _caption(cells, name), "header": HEADER, "rows": rows}


def _titled(way: str, found: Sequence[Cell], base: Sequence[Cell]) -> str:
    """Name a way, and its seeds where it has fewer than the others."""
    few = len(found) < len(base)
    return f"{way} ({len(found)} of {len(base)} seeds)" if few else way


def _caption(cells: Sequence[Cell], name: str) -> str:
    found = _of(cells, name, BASE)
    facts = found[0]["facts"]
    wrong = np.mean([cell["facts"]["wrong"] for cell in found])
    return (
        f"{ABOUT[name]} {facts['own']:,} rows, {facts['copy']:,} near copies and {facts['leak']} "
        f"leaks; {100 * wrong:.0f} % of all labels wrong; {facts['judged']:,} test rows with right "
        f"labels; {facts['epochs']} epochs; seeds: {len(found)}."
    )


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _flops(value: float) -> str:
    for size, name in ((1e12, "T"), (1e9, "G")):
        if value >= size:
            return f"{value / size:.1f} {name}"
    return f"{value / 1e6:.0f} M"


def _bytes(value: float) -> str:
    return f"{value / 1e6:.2f} MB" if value >= 1e6 else f"{value / 1e3:.0f} KB"


def _time(value: float) -> str:
    return f"{value:.2f} ms" if value >= 0.1 else f"{1e3 * value:.0f} µs"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _second(value: float) -> str:
    return f"{value:.1f}"


COLUMNS: tuple[tuple[str, Callable[[float], str], bool], ...] = (
    ("rows", _count, False),
    ("labels", _count, False),
    ("flops", _flops, False),
    ("cpu_s", _second, False),
    ("bytes", _bytes, False),
    ("ms", _time, False),
    ("accuracy", _percent, True),
    ("ece", "{:.3f}".format, True),
)


def shown(cells: Sequence[Cell], column: str, form: Callable[[float], str], spread: bool) -> str:
    """Return the mean over the seeds, with the lowest and highest where it is asked for."""
    values = [cell[column] for cell in cells]
    if any(value is None for value in values):
        return "–"
    mean = form(float(np.mean(values)))
    if not spread or len(values) == 1:
        return mean
    low, high = (form(float(end)).removesuffix(" %") for end in (min(values), max(values)))
    return f"{mean} ({low}–{high})"


def ratio(cells: Sequence[Cell], base: Sequence[Cell], column: str) -> float | None:
    """Return the mean over the seeds of a column as a share of the base's; None where unknown."""
    other = {cell["seed"]: cell[column] for cell in base}
    pairs = [(cell[column], other.get(cell["seed"])) for cell in cells]
    if not pairs or any(mine is None or not theirs for mine, theirs in pairs):
        return None
    return float(np.mean([mine / theirs for mine, theirs in pairs]))


def gain(cells: Sequence[Cell], base: Sequence[Cell]) -> list[float]:
    """Return by how many points accuracy is above the base's, seed by seed."""
    other = {cell["seed"]: cell["accuracy"] for cell in base}
    return [100 * (cell["accuracy"] - other[cell["seed"]]) for cell in cells]


def _times(share: float | None) -> str:
    if share is None:
        return "–"
    if share <= 0.4:
        return f"1/{1 / share:.1f}"
    return f"{share:.2f}" if share < 10 else f"{share:.0f}"


def _goals(cells: Sequence[Cell], name: str) -> dict[str, Any]:
    base = _of(cells, name, BASE)
    rows = [["goal", "≥ 0", *(words for _, _, words in GOALS)]]
    for way in (*OURS, VECTORS_RUN, *THEIRS, PLAIN):
        found = [cell for cell in _of(cells, name, way) if "accuracy" in cell]
        if not found:
            continue
        points = gain(found, base)
        line = [_points(points, met=float(np.mean(points)) >= 0)]
        for column, goal, _ in GOALS:
            share = ratio(found, base, column)
            text = _times(share)
            line.append(f"**{text}**" if share is not None and share <= goal + NEAR else text)
        rows.append([_titled(way, found, base), *line])
    accuracy = shown(base, "accuracy", _percent, True)
    return {
        "caption": f"{_caption(cells, name)} Everything as it comes: {accuracy}.",
        "header": ["", "accuracy, points", "rows", "labels", "training FLOPs", "bytes", "one row"],
        "rows": rows,
    }


def _points(values: Sequence[float], *, met: bool) -> str:
    text = f"{np.mean(values):+.1f}"
    if len(values) > 1:
        text += f" ({min(values):+.1f} to {max(values):+.1f})"
    return f"**{text}**" if met else text


def _levers(cells: Sequence[Cell]) -> dict[str, Any]:
    names, rows = _sets(cells), []
    for way in (way for way in LEVERS if any(_of(cells, name, way) for name in names)):
        row = [way]
        for name in names:
            found = [cell for cell in _of(cells, name, way) if "accuracy" in cell]
            row.append(_lever(found, _of(cells, name, BASE)) if found else "–")
        rows.append(row)
    return {
        "caption": "What each lever gave alone: points of accuracy (lowest to highest of the "
        "seeds; none where only one is finished), and the columns that it changed, as shares of "
        "everything as it comes.",
        "header": ["lever", *names],
        "rows": rows,
    }


def _lever(found: Sequence[Cell], base: Sequence[Cell]) -> str:
    words = {"rows": "rows", "labels": "labels", "flops": "FLOPs", "bytes": "bytes", "ms": "time"}
    parts = [_points(gain(found, base), met=False)]
    for column, word in words.items():
        share = ratio(found, base, column)
        if share is not None and not 0.9 <= share <= 1.1:
            parts.append(f"{word} {_times(share)}")
    return "; ".join(parts)
