"""Wrong labels: find them, estimate how many there are, audit and calibrate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

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
__getattr__ = lazy_names(__name__, _HOME)
