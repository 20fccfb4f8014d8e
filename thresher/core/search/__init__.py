"""Search for neighbors: exhaustive where that is cheap, through a partition where it is not."""

from .exhaustive import pairs_above, top_k
from .graph import cross_graph, neighbor_graph

__all__ = ["cross_graph", "neighbor_graph", "pairs_above", "top_k"]
