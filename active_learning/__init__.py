"""Active learning and labeling loops: which rows to label next, and what the answers say.

Names are loaded on first use, so that importing this package never loads scikit-learn or torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names
from thresher.core.moved import moved_modules

if TYPE_CHECKING:
    from . import strategies as strategies
    from .adapters.answer_files import import_answers as import_answers
    from .adapters.batch_files import export_batch as export_batch
    from .adapters.hugging_face.export import export_dataset as export_dataset
    from .adapters.label_files import export_answers as export_answers
    from .adapters.label_files import export_labels as export_labels
    from .adapters.label_studio.box_tasks import export_boxes as export_boxes
    from .adapters.label_studio.box_tasks import import_boxes as import_boxes
    from .agreement import consensus as consensus
    from .annotators.classes import Consensus as Consensus
    from .estimates.accuracy import Estimate as Estimate
    from .estimates.accuracy import estimate_accuracy as estimate_accuracy
    from .estimates.accuracy import lure_weights as lure_weights
    from .estimates.error import estimate_error as estimate_error
    from .learners.learner import Learner as Learner
    from .learners.logistic import LogisticHead as LogisticHead
    from .learners.sklearn_learner import SklearnLearner as SklearnLearner
    from .learners.torch_learner import TorchLearner as TorchLearner
    from .pool.context import Context as Context
    from .pool.detections import detection_options as detection_options
    from .pool.instances import Instances as Instances
    from .pool.selection import Picks as Picks
    from .pool.selection import Selection as Selection
    from .querying import query as query
    from .sessions.batch import SKIP as SKIP
    from .sessions.batch import UNDO as UNDO
    from .sessions.batch import Batch as Batch
    from .sessions.desk import Desk as Desk
    from .sessions.session import Session as Session
    from .simulations.curves import Curves as Curves
    from .simulations.simulation import simulate as simulate
    from .strategies import STRATEGIES as STRATEGIES
    from .strategies import Strategy as Strategy
    from .strategies import get_strategy as get_strategy
    from .tasks import get_task as get_task

_HOME = {
    "Batch": "sessions.batch",
    "Consensus": "annotators.classes",
    "Context": "pool.context",
    "Curves": "simulations.curves",
    "Desk": "sessions.desk",
    "Estimate": "estimates.accuracy",
    "Instances": "pool.instances",
    "Learner": "learners.learner",
    "LogisticHead": "learners.logistic",
    "Picks": "pool.selection",
    "SKIP": "sessions.batch",
    "STRATEGIES": "strategies",
    "Selection": "pool.selection",
    "Session": "sessions.session",
    "SklearnLearner": "learners.sklearn_learner",
    "Strategy": "strategies",
    "TorchLearner": "learners.torch_learner",
    "UNDO": "sessions.batch",
    "consensus": "agreement",
    "detection_options": "pool.detections",
    "estimate_accuracy": "estimates.accuracy",
    "estimate_error": "estimates.error",
    "export_answers": "adapters.label_files",
    "export_batch": "adapters.batch_files",
    "export_boxes": "adapters.label_studio.box_tasks",
    "export_dataset": "adapters.hugging_face.export",
    "export_labels": "adapters.label_files",
    "get_strategy": "strategies",
    "get_task": "tasks",
    "import_answers": "adapters.answer_files",
    "import_boxes": "adapters.label_studio.box_tasks",
    "lure_weights": "estimates.accuracy",
    "query": "querying",
    "simulate": "simulations.simulation",
    "strategies": "strategies",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
moved_modules(
    __name__,
    {
        "audit": "sessions.audit_arm",
        "batch": "sessions.batch",
        "context": "pool.context",
        "crossfit": "learners.crossfit",
        "curves": "simulations.curves",
        "engine": "sessions.engine",
        "error_estimate": "estimates.error",
        "estimate": "estimates.accuracy",
        "heads": "learners.logistic",
        "heads_of_sets": "learners.multilabel",
        "inner_products": "pool.inner_products",
        "instances": "pool.instances",
        "kinds": "pool.probabilities",
        "label_files": "adapters.label_files",
        "learning_curve": "sessions.learning_curve",
        "linear_fit": "learners.linear_fit",
        "mark_consensus": "annotators.marks",
        "migration": "sessions.migration",
        "number_consensus": "annotators.numbers",
        "opinion_tables": "annotators.answers",
        "opinions": "sessions.second_opinions",
        "plots": "simulations.plots",
        "pool_arrays": "pool.arrays",
        "replay": "sessions.replay",
        "report": "sessions.report",
        "ridge": "learners.ridge",
        "roundtrip": "adapters.batch_files",
        "row_files": "adapters.row_files",
        "scores": "pool.scores",
        "selection": "pool.selection",
        "serving": "sessions.batch_choice",
        "session": "sessions.session",
        "set_consensus": "annotators.sets",
        "settings": "sessions.settings",
        "sessions.batch_files": "adapters.batch_files",
        "sessions.label_files": "adapters.label_files",
        "sessions.row_files": "adapters.row_files",
        "sessions.sheet_ids": "adapters.sheet_ids",
        "sheet_ids": "adapters.sheet_ids",
        "simulation": "simulations.simulation",
        "sklearn_learner": "learners.sklearn_learner",
        "small_problems": "learners.blas_threads",
        "state": "sessions.state",
        "stopping": "sessions.stopping",
        "store": "sessions.store",
        "torch_learner": "learners.torch_learner",
        "training": "sessions.fitted_models",
    },
)
