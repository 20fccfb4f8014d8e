"""Models that are trained between rounds of labeling, and the contract for your own."""

from __future__ import annotations

from thresher.core.moved import moved_names

__getattr__ = moved_names(__name__, "learner")
