"""The tables at the end of a run, for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.table import Table

from ..core.counted import percent as in_percent
from .result import Line, RunResult
from .terminal import result_console


def number(value: float | None, pattern: str = "{:,.0f}") -> str:
    """Format a number, or give an empty text for None."""
    return "" if value is None else pattern.format(value)


def percent(value: float | None) -> str:
    """Format a share as percent with one decimal."""
    return "" if value is None else in_percent(value, digits=1)


def flops(value: float | None) -> str:
    """Format floating-point operations with the largest fitting prefix."""
    if value is None:
        return ""
    for size, name in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= size:
            return f"{value / size:.1f} {name}FLOP"
    return f"{value:.0f} FLOP"


def accuracy(line: Line) -> str:
    """Format an accuracy with its interval."""
    if line.accuracy is None:
        return ""
    if line.low is None or line.high is None:
        return percent(line.accuracy)
    return f"{100 * line.accuracy:.1f} % ({100 * line.low:.1f}–{100 * line.high:.1f})"


COLUMNS: tuple[tuple[str, Callable[[Line], str]], ...] = (
    ("Test accuracy", accuracy),
    ("Rows", lambda line: number(line.rows)),
    ("Labels", lambda line: number(line.labels)),
    ("Training", lambda line: number(line.train_s, "{:,.1f} s")),
    ("Compute", lambda line: flops(line.train_flops)),
    ("Size", lambda line: number(line.megabytes, "{:.3f} MB")),
    ("Latency", lambda line: number(line.milliseconds, "{:.3f} ms")),
)


def savings_table(lines: tuple[Line, ...]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return header and cells of the savings table, without columns that no line fills."""
    shown = [(name, cell) for name, cell in COLUMNS if any(cell(line) for line in lines)]
    rows = [(line.stage, *(cell(line) for _, cell in shown)) for line in lines]
    return ["Stage", *(name for name, _ in shown)], rows


def cost_lines(costs: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a whole run cost as names and texts; empty for a run of an older version."""
    if not costs:
        return []
    price = ", ".join(f"{device} {rate:g}" for device, rate in costs["price_per_hour"].items())
    lines = [
        ("Wall time", f"{costs['wall_s']:,.1f} s"),
        ("CPU time", f"{costs['cpu_s']:,.1f} s"),
    ]
    if costs["gpu_s"] or costs["flops"] or costs["rows_seen"]:  # where something was trained
        lines += [
            ("GPU held", f"{costs['gpu_s']:,.1f} s" if costs["gpu_s"] else "none"),
            ("Training compute", flops(costs["flops"])),
            ("Rows seen in training", f"{costs['rows_seen']:,}"),
        ]
    lines.append(("Energy", costs["energy"]))
    if costs["money"] is not None:
        lines.append(("Money", f"{costs['money']:.4g} (an hour: {price})"))
    return lines


def print_result(result: RunResult) -> None:
    """Print what was found, the savings table and where the report is."""
    console = result_console()
    found = result.metrics.get("found", {})
    if found:
        console.print(_table("Found", ("Check", "Findings"), list(found.items())))
    planted = result.metrics.get("planted", {})
    if planted:
        planted_rows: list[tuple[Any, ...]] = [
            (kind, item["planted"], percent(item["recall"]), percent(item["precision"]))
            for kind, item in planted.items()
        ]
        names = ("Planted fault", "Planted", "Recall", "Precision")
        console.print(_table("Planted faults", names, planted_rows))
    header, rows = savings_table(result.lines)
    console.print(_table("What it saved and what it cost", header, rows))
    costs = _table("The whole run", ("Cost", ""), cost_lines(result.costs))
    if result.costs:
        console.print(costs)
    for line in result.lines:
        if line.note:
            console.print(f"{line.stage}: {line.note}", markup=False, highlight=False)
    if result.beside_reference:
        console.print(result.beside_reference, markup=False, highlight=False)
    for text in result.warnings:
        console.print(f"Warning: {text}", markup=False, highlight=False)
    console.print(f"Report: {result.report}", markup=False, highlight=False, soft_wrap=True)


def _table(title: str, header: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for index, name in enumerate(header):
        table.add_column(name, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    return table
