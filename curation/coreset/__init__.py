"""Core sets: few rows that stand for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from .comparison import CoreSetComparison as CoreSetComparison
    from .comparison import Saving as Saving
    from .comparison import compare_coresets as compare_coresets
    from .selection import CoreSet as CoreSet
    from .selection import select_coreset as select_coreset

_HOME = {
    "CoreSet": "selection",
    "CoreSetComparison": "comparison",
    "Saving": "comparison",
    "compare_coresets": "comparison",
    "select_coreset": "selection",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
