"""Active learning and labelling loops: which rows to label next, and what the answers say.

Names are loaded on first use, so that importing this package never loads scikit-learn or torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from .agreement import consensus as consensus
    from .annotators import Consensus as Consensus
    from .batch import SKIP as SKIP
    from .batch import UNDO as UNDO
    from .batch import Batch as Batch
    from .curves import Curves as Curves
    from .error_estimate import estimate_error as estimate_error
    from .estimate import Estimate as Estimate
    from .estimate import estimate_accuracy as estimate_accuracy
    from .estimate import lure_weights as lure_weights
    from .heads import LogisticHead as LogisticHead
    from .instances import Instances as Instances
    from .label_files import export_answers as export_answers
    from .label_files import export_labels as export_labels
    from .querying import query as query
    from .roundtrip import export_batch as export_batch
    from .roundtrip import import_answers as import_answers
    from .selection import Selection as Selection
    from .session import Session as Session
    from .simulation import simulate as simulate
    from .sklearn_learner import SklearnLearner as SklearnLearner
    from .strategies import STRATEGIES as STRATEGIES
    from .strategies import get_strategy as get_strategy
    from .tasks import get_task as get_task
    from .torch_learner import TorchLearner as TorchLearner

_HOME = {
    "STRATEGIES": "strategies",
    "SKIP": "batch",
    "UNDO": "batch",
    "Batch": "batch",
    "Consensus": "annotators",
    "Curves": "curves",
    "Estimate": "estimate",
    "Instances": "instances",
    "Session": "session",
    "consensus": "agreement",
    "estimate_accuracy": "estimate",
    "estimate_error": "error_estimate",
    "get_task": "tasks",
    "import_answers": "roundtrip",
    "lure_weights": "estimate",
    "LogisticHead": "heads",
    "Selection": "selection",
    "SklearnLearner": "sklearn_learner",
    "TorchLearner": "torch_learner",
    "export_batch": "roundtrip",
    "export_answers": "label_files",
    "export_labels": "label_files",
    "get_strategy": "strategies",
    "query": "querying",
    "simulate": "simulation",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
