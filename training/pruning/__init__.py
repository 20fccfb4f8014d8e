"""Pruning: channels, factors of lower rank, or single weights taken away."""

from .masks import MaskHook
from .prune import Pruned, prune

__all__ = ["MaskHook", "Pruned", "prune"]
