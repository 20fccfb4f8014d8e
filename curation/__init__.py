"""Curation: find duplicates, leaks, wrong labels, outliers and bad files; choose; decide; apply.

Checks find, `decide` makes a manifest of their findings, and only the manifest changes data. Names
are loaded on first use, so that importing this package costs nothing and never loads torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from .contamination import find_contamination as find_contamination
    from .coreset import select_coreset as select_coreset
    from .corpus import find_corpus_issues as find_corpus_issues
    from .curator import Curator as Curator
    from .decision import decide as decide
    from .exact import find_exact_duplicates as find_exact_duplicates
    from .grouping import keep_by as keep_by
    from .identity import content_keys as content_keys
    from .image_duplicates import image_graph as image_graph
    from .labels import find_box_issues as find_box_issues
    from .labels import find_label_issues as find_label_issues
    from .labels import find_multilabel_issues as find_multilabel_issues
    from .labels import find_regression_issues as find_regression_issues
    from .labels import find_token_issues as find_token_issues
    from .leakage import find_leakage as find_leakage
    from .matching import match_records as match_records
    from .near import find_near_duplicates as find_near_duplicates
    from .outliers import find_outliers as find_outliers
    from .perceptual_hash import hash_graph as hash_graph
    from .perceptual_hash import perceptual_hashes as perceptual_hashes
    from .quality import find_quality_issues as find_quality_issues
    from .text_duplicates import text_graph as text_graph
    from .text_thresholds import suggest_text_threshold as suggest_text_threshold
    from .thresholds import suggest_threshold as suggest_threshold

_HOME = {
    "Curator": "curator",
    "content_keys": "identity",
    "decide": "decision",
    "find_box_issues": "labels",
    "find_contamination": "contamination",
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
    "hash_graph": "perceptual_hash",
    "image_graph": "image_duplicates",
    "keep_by": "grouping",
    "match_records": "matching",
    "perceptual_hashes": "perceptual_hash",
    "select_coreset": "coreset",
    "suggest_text_threshold": "text_thresholds",
    "suggest_threshold": "thresholds",
    "text_graph": "text_duplicates",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
