"""Image–text pairs: measured shard by shard, filtered, deduplicated, capped, written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from .choosing import ChosenPairs as ChosenPairs
    from .choosing import choose_pairs as choose_pairs
    from .collecting import PairScores as PairScores
    from .collecting import score_pairs as score_pairs
    from .columns import PairColumns as PairColumns
    from .combining import PairHead as PairHead
    from .combining import combine_scores as combine_scores
    from .leaks import EvaluationImages as EvaluationImages
    from .leaks import read_evaluation as read_evaluation
    from .rules import PairRules as PairRules
    from .sampling import soft_cap_sample as soft_cap_sample
    from .vectors import PairVectors as PairVectors
    from .writing import pair_weights as pair_weights
    from .writing import write_ids as write_ids
    from .writing import write_pair_shards as write_pair_shards

_HOME = {
    "ChosenPairs": "choosing",
    "EvaluationImages": "leaks",
    "PairColumns": "columns",
    "PairHead": "combining",
    "PairRules": "rules",
    "PairScores": "collecting",
    "PairVectors": "vectors",
    "choose_pairs": "choosing",
    "combine_scores": "combining",
    "pair_weights": "writing",
    "read_evaluation": "leaks",
    "score_pairs": "collecting",
    "soft_cap_sample": "sampling",
    "write_ids": "writing",
    "write_pair_shards": "writing",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
