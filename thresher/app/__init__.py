"""What joins the five packages: one function for each command of ``thresher``, and the settings.

A command's words joined by ``_`` are the function's name: ``thresher curate labels`` is
`curate_labels`. Each takes the data first and the rest by keyword, returns what it did as an
object, and prints nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

from .guard import check_packages

if TYPE_CHECKING:
    from .advising.advice import advise as advise
    from .applying import curate_apply as curate_apply
    from .applying import curate_diff as curate_diff
    from .applying import curate_review as curate_review
    from .applying import curate_undo as curate_undo
    from .budget import gate as gate
    from .comparing.comparison import compare as compare
    from .curating import curate as curate
    from .exported_models import predict as predict
    from .exported_models import profile as profile
    from .findings.boxes import curate_boxes as curate_boxes
    from .findings.chat import curate_chat as curate_chat
    from .findings.checks import curate_coreset as curate_coreset
    from .findings.checks import curate_labels as curate_labels
    from .findings.checks import curate_outliers as curate_outliers
    from .findings.checks import curate_quality as curate_quality
    from .findings.checks import curate_report as curate_report
    from .findings.copies import curate_duplicates as curate_duplicates
    from .findings.copies import curate_leakage as curate_leakage
    from .findings.matching import curate_match as curate_match
    from .findings.personal import curate_personal as curate_personal
    from .findings.scoring import curate_score as curate_score
    from .installation import doctor as doctor
    from .labeling.argilla import label_argilla as label_argilla
    from .labeling.exporting import label_export as label_export
    from .labeling.label_studio import label_ml_backend as label_ml_backend
    from .labeling.label_studio import label_sync as label_sync
    from .labeling.loop import label_next as label_next
    from .labeling.loop import label_status as label_status
    from .labeling.loop import label_tell as label_tell
    from .labeling.start import label_init as label_init
    from .labeling.start import label_simulate as label_simulate
    from .model_server import serve as serve
    from .monitoring.looking import monitor as monitor
    from .monitoring.referring import monitor_reference as monitor_reference
    from .pages.run_report import report as report
    from .pairs.curating import curate_pairs as curate_pairs
    from .pipeline import run as run
    from .pipeline import train as train
    from .policy_choice import augment_audit as augment_audit
    from .policy_choice import augment_choose as augment_choose
    from .policy_choice import augment_preview as augment_preview
    from .searching import search as search
    from .serving import serve_labels as serve_labels
    from .serving import serve_review as serve_review
    from .settings import Settings as Settings
    from .sharded import curate_shards as curate_shards
    from .task_adapters import adapters_add as adapters_add
    from .task_adapters import adapters_export as adapters_export
    from .task_adapters import adapters_list as adapters_list
    from .task_adapters import adapters_merge as adapters_merge
    from .texts.contamination import curate_contamination as curate_contamination
    from .texts.mixture import curate_mixture as curate_mixture
    from .texts.spans import curate_spans as curate_spans

check_packages()

_HOME = {
    "Settings": "settings",
    "adapters_add": "task_adapters",
    "adapters_export": "task_adapters",
    "adapters_list": "task_adapters",
    "adapters_merge": "task_adapters",
    "advise": "advising.advice",
    "augment_audit": "policy_choice",
    "augment_choose": "policy_choice",
    "augment_preview": "policy_choice",
    "compare": "comparing.comparison",
    "curate": "curating",
    "curate_apply": "applying",
    "curate_boxes": "findings.boxes",
    "curate_chat": "findings.chat",
    "curate_contamination": "texts.contamination",
    "curate_coreset": "findings.checks",
    "curate_diff": "applying",
    "curate_duplicates": "findings.copies",
    "curate_labels": "findings.checks",
    "curate_leakage": "findings.copies",
    "curate_match": "findings.matching",
    "curate_mixture": "texts.mixture",
    "curate_outliers": "findings.checks",
    "curate_pairs": "pairs.curating",
    "curate_personal": "findings.personal",
    "curate_quality": "findings.checks",
    "curate_report": "findings.checks",
    "curate_review": "applying",
    "curate_score": "findings.scoring",
    "curate_shards": "sharded",
    "curate_spans": "texts.spans",
    "curate_undo": "applying",
    "doctor": "installation",
    "gate": "budget",
    "label_argilla": "labeling.argilla",
    "label_export": "labeling.exporting",
    "label_init": "labeling.start",
    "label_ml_backend": "labeling.label_studio",
    "label_next": "labeling.loop",
    "label_simulate": "labeling.start",
    "label_status": "labeling.loop",
    "label_sync": "labeling.label_studio",
    "label_tell": "labeling.loop",
    "monitor": "monitoring.looking",
    "monitor_reference": "monitoring.referring",
    "predict": "exported_models",
    "profile": "exported_models",
    "report": "pages.run_report",
    "run": "pipeline",
    "search": "searching",
    "serve": "model_server",
    "serve_labels": "serving",
    "serve_review": "serving",
    "train": "pipeline",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
