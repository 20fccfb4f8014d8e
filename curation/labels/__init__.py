"""Wrong labels: find them, estimate how many there are, audit and calibrate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from .box_result import BoxIssues as BoxIssues
    from .boxes import find_box_issues as find_box_issues
    from .finding import find_label_issues as find_label_issues
    from .multilabel import find_multilabel_issues as find_multilabel_issues
    from .multilabel_result import MultilabelIssues as MultilabelIssues
    from .noise import NoiseRate as NoiseRate
    from .regression import find_regression_issues as find_regression_issues
    from .regression_result import RegressionIssues as RegressionIssues
    from .result import LabelIssues as LabelIssues
    from .tokens import TokenIssues as TokenIssues
    from .tokens import find_token_issues as find_token_issues

_HOME = {
    "BoxIssues": "box_result",
    "LabelIssues": "result",
    "MultilabelIssues": "multilabel_result",
    "NoiseRate": "noise",
    "RegressionIssues": "regression_result",
    "TokenIssues": "tokens",
    "find_box_issues": "boxes",
    "find_label_issues": "finding",
    "find_multilabel_issues": "multilabel",
    "find_regression_issues": "regression",
    "find_token_issues": "tokens",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
