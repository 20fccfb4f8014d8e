"""Wrong labels: find them, estimate how many there are, audit and calibrate."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .finding import find_label_issues as find_label_issues
    from .noise import NoiseRate as NoiseRate
    from .result import LabelIssues as LabelIssues

_HOME = {
    "LabelIssues": "result",
    "NoiseRate": "noise",
    "find_label_issues": "finding",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
