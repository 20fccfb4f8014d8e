"""Limits that the exported int8 model must meet, for people and for CI."""

from __future__ import annotations

from typing import Any

from .settings import GateSettings


def check_gates(settings: GateSettings, record: dict[str, Any]) -> list[dict[str, Any]]:
    """Compare the int8 file with the limits, those that are set."""
    int8, student = record["int8"], record["student"]
    drop = student["accuracy"] - int8["accuracy"]
    size, speed = (
        int8["megabytes"] / student["megabytes"],
        student["milliseconds"] / int8["milliseconds"],
    )
    gates = [
        ("agreement with the torch model", settings.min_agreement, int8["agreement"], "at least"),
        ("accuracy lost to the float student", settings.max_accuracy_drop, drop, "at most"),
        ("accuracy", settings.min_accuracy, int8["accuracy"], "at least"),
        ("size against the float file", settings.max_size_ratio, size, "at most"),
        ("speed against the float file", settings.min_speedup, speed, "at least"),
    ]
    return [
        {
            "name": name,
            "limit": f"{kind} {limit:g}",
            "measured": f"{value:.4g}",
            "met": value >= limit if kind == "at least" else value <= limit,
        }
        for name, limit, value, kind in gates
        if limit is not None
    ]
