"""What the labeling commands print: a table for people, or one JSON object."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.counted import counted
from ...core.errors import ThresherError
from ..terminal import write_line

if TYPE_CHECKING:
    from active_learning import Curves
    from active_learning.adapters.exchanged import Exchange
    from active_learning.adapters.records import Conflict
    from active_learning.sessions.report import Report


SHOWN = 5  # answers that cannot be used


def say(result: dict[str, Any], lines: Sequence[str], *, as_json: bool) -> None:
    """Print one JSON object, or the lines."""
    write_line(json.dumps(_finite(result), sort_keys=True) if as_json else "\n".join(lines))


def _finite(value: Any) -> Any:
    """Replace infinities, which JSON does not have, by None."""
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def exchange_json(found: Exchange) -> dict[str, Any]:
    """Return what an exchange with a server did as plain types."""
    pulled = found.pulled
    return {
        "new": pulled.new,
        "foreign": pulled.foreign,
        "set_aside": list(pulled.set_aside),
        "handed_out": list(found.handed),
        "waiting": found.waiting,
    }


def exchange_lines(found: Exchange, *, where: str, thing: str) -> list[str]:
    """Return what an exchange did as lines; `thing` is what the server calls a row."""
    pulled = found.pulled
    lines = [
        f"{counted(pulled.new, 'new answer')}, {counted(len(found.handed), 'row')} handed out, "
        f"{found.waiting:,} wait {where}"
    ]
    if pulled.foreign:
        are = "is none" if pulled.foreign == 1 else "are none"
        lines.append(f"{counted(pulled.foreign, thing)} there {are} of the session's rows")
    lines += [f"  cannot be used: {reason}" for reason in pulled.set_aside[:SHOWN]]
    more = len(pulled.set_aside) - SHOWN
    return lines + ([f"  … and {more} more"] if more > 0 else [])


def check_all_used(found: Exchange) -> None:
    """Raise where answers cannot be used; all others were taken."""
    if count := len(found.pulled.set_aside):
        left = counted(
            count,
            "answer cannot be used and was left out",
            "answers cannot be used and were left out",
        )
        raise ThresherError(f"{left}. Mend them there, and give the command again.")


def conflict_lines(conflicts: Sequence[Conflict]) -> list[str]:
    """Return one line for each conflict."""
    return [
        f"  {c.row_id}: {c.recorded} recorded, {c.imported} in the file"
        f"{f' ({c.annotator})' if c.annotator else ''}"
        for c in conflicts
    ]


def report_json(report: Report) -> dict[str, Any]:
    """Return a report as plain types."""
    return asdict(report)


def report_lines(
    report: Report, *, quality: dict[str, float], suspects: Sequence[tuple[str, float]]
) -> list[str]:
    """Return a report as lines."""
    lines = [
        f"{report.labeled:,} of {counted(report.pool, 'row')} labeled, "
        f"{counted(report.answers, 'answer')}, {report.skips:,} skipped, cost {report.cost:g}"
    ]
    if report.classes:
        lines.append("classes: " + ", ".join(f"{k} {v:,}" for k, v in report.classes.items()))
    if report.accuracy is None:
        lines.append(f"{report.measure}: not known yet; {report.why_unknown}")
    else:
        lines.append(f"{report.measure} on {report.accuracy_of}: {report.accuracy}")
    if report.gain is not None:
        lines.append(f"fewer errors than with as many random labels: {report.gain}")
    if report.labels_per_hour is not None:
        lines.append(f"{report.labels_per_hour:.0f} labels an hour")
    lines += [
        f"annotator {name or '(unnamed)'}: {counted(number, 'label')}"
        + (f", agreement with the others {quality[name]:.2f}" if name in quality else "")
        for name, number in report.annotators.items()
    ]
    if suspects:
        rows = ", ".join(f"{row} ({score:.2f})" for row, score in suspects)
        lines.append(f"labels most in doubt: {rows}")
    lines.append("stop" if report.advice.stop else "go on")
    lines += [f"  {reason}" for reason in report.advice.reasons]
    return lines


def curve_lines(curves: Curves, out: Path | None) -> list[str]:
    """Return the mean accuracy of each strategy at each number of labels."""
    width = max(len("labels"), *(len(name) for name in curves.strategies))
    lines = ["  ".join([f"{'labels':<{width}}", *(f"{b:>6}" for b in curves.budgets)])]
    for name in curves.strategies:
        means = curves.of(name).mean(axis=0)
        lines.append("  ".join([f"{name:<{width}}", *(f"{mean:>6.3f}" for mean in means)]))
    if curves.query_bytes is not None:
        seconds = curves.query_seconds.max(axis=(1, 2))
        for name, slowest, size in zip(curves.strategies, seconds, curves.query_bytes, strict=True):
            lines.append(f"{name}: {slowest:.2f} s and {size / 2**20:.1f} MB a query at most")
    if "random" in curves.strategies:
        for name, labels in curves.labels_to_match().items():
            if name != "random" and labels is not None:
                lines.append(
                    f"{name} needs {labels:.0f} labels for what random has at {curves.budgets[-1]}"
                )
    return lines + ([f"Written: {out}/curves.json, {out}/curves.svg"] if out else [])
