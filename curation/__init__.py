"""Curation: find duplicates, leaks, wrong labels, outliers and bad files; choose; decide; apply.

Checks find, `decide` makes a manifest of their findings, and only the manifest changes data. Names
are loaded on first use, so that importing this package costs nothing and never loads torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from .coreset import select_coreset as select_coreset
    from .corpus import find_corpus_issues as find_corpus_issues
    from .curator import Curator as Curator
    from .decision import decide as decide
    from .exact import find_exact_duplicates as find_exact_duplicates
    from .labels import find_box_issues as find_box_issues
    from .labels import find_label_issues as find_label_issues
    from .labels import find_multilabel_issues as find_multilabel_issues
    from .labels import find_regression_issues as find_regression_issues
    from .labels import find_token_issues as find_token_issues
    from .leakage import find_leakage as find_leakage
    from .near import find_near_duplicates as find_near_duplicates
    from .outliers import find_outliers as find_outliers
    from .quality import find_quality_issues as find_quality_issues

_HOME = {
    "Curator": "curator",
    "decide": "decision",
    "find_box_issues": "labels",
    "find_corpus_issues": "corpus",
    "find_exact_duplicates": "exact",
    "find_label_issues": "labels",
    "find_leakage": "leakage",
    "find_multilabel_issues": "labels",
    "find_near_duplicates": "near",
    "find_outliers": "outliers",
    "find_quality_issues": "quality",
    "find_regression_issues": "labels",
    "find_token_issues": "labels",
    "select_coreset": "coreset",
}
__all__ = sorted(_HOME)
__getattr__ = lazy_names(__name__, _HOME)
