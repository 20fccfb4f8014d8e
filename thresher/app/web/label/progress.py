"""How far labeling is, as the page shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from active_learning import Desk
    from active_learning.sessions.report import Report


def progress_of(desk: Desk, *, is_share: bool) -> dict[str, Any]:
    """Return counts, speed, and the last report with its age, as JSON types."""
    now = desk.progress()
    report = None if now.report is None else _report(now.report, is_share=is_share)
    return {
        "pool": now.pool,
        "labeled": now.labeled,
        "annotators": dict(now.answers),
        "labels_per_hour": now.labels_per_hour,
        "report": None if report is None else {**report, "age": now.report_age},
        "problem": now.problem,
    }


def _report(report: Report, *, is_share: bool) -> dict[str, Any]:
    found = report.accuracy
    return {
        "measure": report.measure,
        "is_share": is_share,
        "accuracy": found and {"value": found.value, "low": found.low, "high": found.high},
        "accuracy_of": report.accuracy_of,
        "why_unknown": report.why_unknown,
        "labels": report.labeled,
        "advice": {"stop": report.advice.stop, "reasons": list(report.advice.reasons)},
    }
