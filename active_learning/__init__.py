"""Active learning and labelling loops: which rows to label next, and what the answers say.

Names are loaded on first use, so that importing this package never loads scikit-learn or torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from .annotators import Consensus as Consensus
    from .annotators import consensus as consensus
    from .batch import SKIP as SKIP
    from .batch import UNDO as UNDO
    from .batch import Batch as Batch
    from .curves import Curves as Curves
    from .estimate import Estimate as Estimate
    from .estimate import estimate_accuracy as estimate_accuracy
    from .estimate import lure_weights as lure_weights
    from .heads import LogisticHead as LogisticHead
    from .learners import SklearnLearner as SklearnLearner
    from .learners import TorchLearner as TorchLearner
    from .querying import query as query
    from .roundtrip import export_batch as export_batch
    from .roundtrip import export_labels as export_labels
    from .roundtrip import import_answers as import_answers
    from .selection import Selection as Selection
    from .session import Session as Session
    from .simulation import simulate as simulate
    from .strategies import STRATEGIES as STRATEGIES
    from .strategies import get_strategy as get_strategy

_HOME = {
    "STRATEGIES": "strategies",
    "SKIP": "batch",
    "UNDO": "batch",
    "Batch": "batch",
    "Consensus": "annotators",
    "Curves": "curves",
    "Estimate": "estimate",
    "Session": "session",
    "consensus": "annotators",
    "estimate_accuracy": "estimate",
    "import_answers": "roundtrip",
    "lure_weights": "estimate",
    "LogisticHead": "heads",
    "Selection": "selection",
    "SklearnLearner": "learners",
    "TorchLearner": "learners",
    "export_batch": "roundtrip",
    "export_labels": "roundtrip",
    "get_strategy": "strategies",
    "query": "querying",
    "simulate": "simulation",
}
__all__ = sorted(_HOME)
__getattr__ = lazy_names(__name__, _HOME)
