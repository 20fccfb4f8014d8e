"""Core sets: few rows that stand for all."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .selection import CoreSet as CoreSet
    from .selection import select_coreset as select_coreset

_HOME = {"CoreSet": "selection", "select_coreset": "selection"}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
