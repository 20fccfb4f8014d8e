"""Quality: rows that are broken, empty, or unlike what a model can learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from .finding import find_quality_issues as find_quality_issues
    from .head import fit_quality_head as fit_quality_head
    from .result import QualityIssues as QualityIssues
    from .texts.published.finding import find_rule_issues as find_rule_issues

_HOME = {
    "QualityIssues": "result",
    "find_quality_issues": "finding",
    "find_rule_issues": "texts.published.finding",
    "fit_quality_head": "head",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
