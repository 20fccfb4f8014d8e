"""Items of benchmarks that stand in training texts: in memory, and in files of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from .files import decontaminate as decontaminate
    from .in_memory import find_contamination as find_contamination

_HOME = {"decontaminate": "files", "find_contamination": "in_memory"}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
