"""Curation: find duplicates, leaks, wrong labels, outliers and bad files; choose; decide; apply.

Checks find, `decide` makes a manifest of their findings, and only the manifest changes data. Names
are loaded on first use, so that importing this package costs nothing and never loads torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names
from thresher.core.moved import moved_modules

if TYPE_CHECKING:
    from .chat import find_chat_issues as find_chat_issues
    from .chat import read_conversations as read_conversations
    from .contamination import decontaminate as decontaminate
    from .contamination import find_contamination as find_contamination
    from .coreset import compare_coresets as compare_coresets
    from .coreset import select_coreset as select_coreset
    from .corpus import find_corpus_issues as find_corpus_issues
    from .curator.curator import Curator as Curator
    from .decisions.decide import decide as decide
    from .detection.box_errors import find_box_errors as find_box_errors
    from .detection.deciding import apply_box_decisions as apply_box_decisions
    from .detection.deciding import decide_boxes as decide_boxes
    from .detection.finding import find_detection_issues as find_detection_issues
    from .detection.fusion import fuse_boxes as fuse_boxes
    from .detection.masks import find_mask_issues as find_mask_issues
    from .duplicates.content_keys import content_keys as content_keys
    from .duplicates.exact import find_exact_duplicates as find_exact_duplicates
    from .duplicates.images.graph import image_graph as image_graph
    from .duplicates.images.perceptual_hash import hash_graph as hash_graph
    from .duplicates.images.perceptual_hash import perceptual_hashes as perceptual_hashes
    from .duplicates.leakage import find_leakage as find_leakage
    from .duplicates.near import find_near_duplicates as find_near_duplicates
    from .duplicates.record_matching import match_records as match_records
    from .duplicates.stars import keep_by as keep_by
    from .duplicates.texts.graph import text_graph as text_graph
    from .duplicates.texts.thresholds import suggest_text_threshold as suggest_text_threshold
    from .duplicates.thresholds import suggest_threshold as suggest_threshold
    from .labels import find_box_issues as find_box_issues
    from .labels import find_label_issues as find_label_issues
    from .labels import find_multilabel_issues as find_multilabel_issues
    from .labels import find_regression_issues as find_regression_issues
    from .labels import find_token_issues as find_token_issues
    from .mixture import mix_sources as mix_sources
    from .outliers.finding import find_outliers as find_outliers
    from .personal import find_personal_data as find_personal_data
    from .quality import find_quality_issues as find_quality_issues
    from .quality import find_rule_issues as find_rule_issues
    from .quality import fit_quality_head as fit_quality_head
    from .spans import find_repeated_spans as find_repeated_spans

_HOME = {
    "Curator": "curator.curator",
    "apply_box_decisions": "detection.deciding",
    "compare_coresets": "coreset",
    "content_keys": "duplicates.content_keys",
    "decide": "decisions.decide",
    "decontaminate": "contamination",
    "decide_boxes": "detection.deciding",
    "find_box_errors": "detection.box_errors",
    "find_box_issues": "labels",
    "find_chat_issues": "chat",
    "find_contamination": "contamination",
    "find_corpus_issues": "corpus",
    "find_detection_issues": "detection.finding",
    "find_mask_issues": "detection.masks",
    "fuse_boxes": "detection.fusion",
    "find_exact_duplicates": "duplicates.exact",
    "find_label_issues": "labels",
    "find_leakage": "duplicates.leakage",
    "find_multilabel_issues": "labels",
    "find_near_duplicates": "duplicates.near",
    "find_outliers": "outliers.finding",
    "find_personal_data": "personal",
    "find_quality_issues": "quality",
    "find_repeated_spans": "spans",
    "find_regression_issues": "labels",
    "find_rule_issues": "quality",
    "find_token_issues": "labels",
    "fit_quality_head": "quality",
    "hash_graph": "duplicates.images.perceptual_hash",
    "image_graph": "duplicates.images.graph",
    "keep_by": "duplicates.stars",
    "mix_sources": "mixture",
    "match_records": "duplicates.record_matching",
    "perceptual_hashes": "duplicates.images.perceptual_hash",
    "read_conversations": "chat",
    "select_coreset": "coreset",
    "suggest_text_threshold": "duplicates.texts.thresholds",
    "suggest_threshold": "duplicates.thresholds",
    "text_graph": "duplicates.texts.graph",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
moved_modules(
    __name__,
    {
        "aligned_correlation": "duplicates.images.alignment",
        "array_rows": "containers.array_rows",
        "checks": "curator.checks",
        "choosing": "curator.coreset_step",
        "closeness": "curator.closeness",
        "closest_pairs": "duplicates.closest_pairs",
        "comparison": "curator.comparison",
        "decision": "decisions.decide",
        "encoding": "curator.encoding",
        "duplicates.contamination": "contamination.in_memory",
        "exact": "duplicates.exact",
        "farness": "outliers.farness",
        "further_frames": "containers.further_frames",
        "grouping": "duplicates.stars",
        "habits": "curator.habits",
        "header": "curator.header",
        "identity": "duplicates.content_keys",
        "image_duplicates": "duplicates.images.graph",
        "image_views": "duplicates.images.views",
        "keeping": "curator.keep_policies",
        "kept": "curator.work_folder",
        "label_action": "decisions.label_action",
        "leakage": "duplicates.leakage",
        "looks": "curator.looks",
        "matching": "duplicates.record_matching",
        "missing_numbers": "curator.missing_numbers",
        "near": "duplicates.near",
        "perceptual_hash": "duplicates.images.perceptual_hash",
        "planted_edits": "duplicates.planted_edits",
        "policy": "decisions.policy",
        "reading": "curator.rows",
        "safeguards": "decisions.safeguards",
        "set_join": "duplicates.texts.set_join",
        "shingles": "duplicates.texts.shingles",
        "steps": "curator.steps",
        "table_rows": "duplicates.tables.rows",
        "table_vectors": "duplicates.tables.vectors",
        "target_checks": "curator.target_checks",
        "text_duplicates": "duplicates.texts.graph",
        "text_likeness": "duplicates.texts.likeness",
        "text_thresholds": "duplicates.texts.thresholds",
        "thresholds": "duplicates.thresholds",
        "torch_rows": "containers.torch_rows",
        "training_record": "labels.training_record",
    },
)
