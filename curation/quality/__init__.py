"""Quality: rows that are broken, empty, or unlike what a model can learn from."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .finding import find_quality_issues as find_quality_issues
    from .result import QualityIssues as QualityIssues

_HOME = {"QualityIssues": "result", "find_quality_issues": "finding"}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
