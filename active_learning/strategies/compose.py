"""Strategies made of strategies: filter first, mix, switch, balance classes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from thresher.core.errors import check_count, check_number

from ..pool.context import Context
from ..pool.selection import Picks
from .strategy import Strategy


@dataclass(frozen=True)
class Prefilter:
    """Cut the rows down to the `keep` best of one strategy, then let another choose among them.

    The way to use a costly strategy on a huge pool: ``Prefilter(Margin(), 100_000, UHerding())``.
    """

    first: Strategy
    keep: int
    then: Strategy

    def __post_init__(self) -> None:
        check_count("keep", self.keep, low=1)

    @property
    def name(self) -> str:
        """Both names."""
        return f"prefilter({self.first.name}, {self.keep}, {self.then.name})"

    @property
    def needs(self) -> frozenset[str]:
        """Needs of both."""
        return self.first.needs | self.then.needs

    def select(self, context: Context, n: int) -> Picks:
        """Filter, when there are more rows than `keep`, and choose."""
        keep = max(n, self.keep)
        if len(context.available) > keep:
            context = context.only(self.first.select(context, keep).positions)
        return self.then.select(context, n)


@dataclass(frozen=True)
class Mix:
    """Each pick comes from `second` with probability `share`, else from `first`.

    With `Random` as the second, every row can be picked at any time and the propensity of each
    pick is known, which unbiased estimates need: ``Mix(UHerding(), Random(), share=0.15)``.
    """

    first: Strategy
    second: Strategy
    share: float = 0.15

    def __post_init__(self) -> None:
        check_number("share", self.share, low=0, high=1)

    @property
    def name(self) -> str:
        """Both names."""
        return f"mix({self.first.name}, {self.second.name}, {self.share:g})"

    @property
    def needs(self) -> frozenset[str]:
        """Needs of both."""
        return self.first.needs | self.second.needs

    def select(self, context: Context, n: int) -> Picks:
        """Toss a coin for each place, let both choose, and put them together."""
        from_second = context.rng.random(n) < self.share
        many = int(from_second.sum())
        parts = []
        if many:
            parts.append(self.second.select(context, many))
            context = context.with_pending(parts[0].positions)
        if many < n:
            parts.append(self.first.select(context, n - many))
        joined = Picks.join(parts)
        order = np.empty(n, dtype=np.int64)
        order[np.flatnonzero(from_second)] = np.arange(many)
        order[np.flatnonzero(~from_second)] = np.arange(many, n)
        share = np.where(from_second, self.share, 1.0 - self.share)
        picks = joined.take(order)
        return replace(picks, propensities=picks.propensities * share)


@dataclass(frozen=True)
class Until:
    """Use `first` until so many rows are labeled or pending, then `then`."""

    labels: int
    first: Strategy
    then: Strategy

    def __post_init__(self) -> None:
        check_count("labels", self.labels, low=0)

    @property
    def name(self) -> str:
        """Both names."""
        return f"until({self.labels}, {self.first.name}, {self.then.name})"

    @property
    def needs(self) -> frozenset[str]:
        """What both need; the second's own needs are checked when it is reached."""
        return self.first.needs & self.then.needs

    def select(self, context: Context, n: int) -> Picks:
        """Choose with the strategy whose turn it is; a batch may span the switch."""
        before = min(n, max(0, self.labels - len(context.covered)))
        if before == n or any(not context.has(need) for need in self.then.needs):
            return self.first.select(context, n)
        if before == 0:
            return self.then.select(context, n)
        head = self.first.select(context, before)
        tail = self.then.select(context.with_pending(head.positions), n - before)
        return Picks.join([head, tail])


@dataclass(frozen=True)
class Balance:
    """Prefer rows that the model puts into classes with few labels, for long tails.

    Weights are multiplied by the expected inverse count of a row's class, (Σ_c p_c / (1 + count_c))
    to the power `strength`. By name, with strength 1: ``"balance(auto)"``.
    """

    then: Strategy
    strength: float = 1.0

    def __post_init__(self) -> None:
        check_number("strength", self.strength, low=0)

    @property
    def name(self) -> str:
        """The inner name."""
        return f"balance({self.then.name})"

    @property
    def needs(self) -> frozenset[str]:
        """Needs of the inner strategy."""
        return self.then.needs

    def select(self, context: Context, n: int) -> Picks:
        """Weigh, when a model and class counts are known, and choose."""
        if context.pred_probs is not None and context.class_counts is not None:
            rarity = context.pred_probs.astype(np.float64) @ (1.0 / (1.0 + context.class_counts))
            weights = context.weights * (rarity / rarity.max()) ** self.strength
            context = replace(context, weights=weights)
        return self.then.select(context, n)
