"""Active learning and labelling loops: which rows to label next, and what the answers say.

Names are loaded on first use, so that importing this package never loads scikit-learn or torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .curves import Curves as Curves
    from .heads import LogisticHead as LogisticHead
    from .learners import SklearnLearner as SklearnLearner
    from .learners import TorchLearner as TorchLearner
    from .querying import query as query
    from .selection import Selection as Selection
    from .simulation import simulate as simulate
    from .strategies import STRATEGIES as STRATEGIES
    from .strategies import get_strategy as get_strategy

_HOME = {
    "STRATEGIES": "strategies",
    "Curves": "curves",
    "LogisticHead": "heads",
    "Selection": "selection",
    "SklearnLearner": "learners",
    "TorchLearner": "learners",
    "get_strategy": "strategies",
    "query": "querying",
    "simulate": "simulation",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
