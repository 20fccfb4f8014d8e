"""Strategies: each chooses rows from a `Context`. `STRATEGIES` maps names to them."""

from __future__ import annotations

from .registry import STRATEGIES as STRATEGIES
from .registry import get_strategy as get_strategy
