"""Passages that several texts share: where they stand, and texts without their later copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from .files import find_repeated_spans as find_repeated_spans

_HOME = {"find_repeated_spans": "files"}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
