"""Search: the network, pruning and bits that meet limits on this machine."""

from .candidate import Candidate, Costs, Variant, pareto_front
from .explore import search_compact
from .result import SearchResult, load_search
from .target import Target

__all__ = [
    "Candidate",
    "Costs",
    "SearchResult",
    "Target",
    "Variant",
    "load_search",
    "pareto_front",
    "search_compact",
]
