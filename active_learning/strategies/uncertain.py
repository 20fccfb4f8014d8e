"""Strategies that look at one row at a time: random, uncertainty, and their stochastic versions.

Cost: one pass over the probabilities, O(n · c).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from thresher.core.errors import check_choice, check_number

from ..pool.context import Context
from ..pool.selection import Picks
from .strategy import draw_without_replacement, pick_highest

PROBS = frozenset({"pred_probs"})
ENSEMBLE = frozenset({"ensemble_probs"})
SCORES = ("margin", "entropy", "least_confidence", "bald")


@dataclass(frozen=True)
class Random:
    """Rows at random, each in proportion to its weight over its cost: the control."""

    name: str = "random"
    needs: frozenset[str] = frozenset()

    def select(self, context: Context, n: int) -> Picks:
        """Draw rows without replacement."""
        rows = context.available
        order, chance = draw_without_replacement(context.preference[rows], n=n, rng=context.rng)
        return Picks.of(rows[order], scores=chance, reason="random", propensities=chance)


@dataclass(frozen=True)
class _MostUncertain:
    """The rows of highest score; the strategy is called as its score is, one of `SCORES`."""

    name: str
    needs: frozenset[str] = PROBS

    def select(self, context: Context, n: int) -> Picks:
        """Pick the highest scores."""
        scores = prob_score(context, self.name)
        return pick_highest(context, scores, n=n, reason="uncertainty")


@dataclass(frozen=True)
class LeastConfidence(_MostUncertain):
    """The rows whose best class is least likely (Lewis and Gale, 1994)."""

    name: str = "least_confidence"


@dataclass(frozen=True)
class Margin(_MostUncertain):
    """The rows whose two best classes are closest (Scheffer et al., 2001)."""

    name: str = "margin"


@dataclass(frozen=True)
class Entropy(_MostUncertain):
    """The rows of highest predictive entropy."""

    name: str = "entropy"


@dataclass(frozen=True)
class Uncertainty:
    """The rows of highest given uncertainty (regression, boxes, multi-label, your own score)."""

    name: str = "uncertainty"
    needs: frozenset[str] = frozenset({"uncertainty"})

    def select(self, context: Context, n: int) -> Picks:
        """Pick the highest scores."""
        return pick_highest(context, context.uncertainty, n=n, reason="uncertainty")


@dataclass(frozen=True)
class BALD:
    """The rows on which models disagree although each is sure (Houlsby et al., 2011)."""

    name: str = "bald"
    needs: frozenset[str] = ENSEMBLE

    def select(self, context: Context, n: int) -> Picks:
        """Pick the highest mutual information."""
        scores = prob_score(context, "bald")
        return pick_highest(context, scores, n=n, reason="disagreement")


@dataclass(frozen=True)
class QueryByCommittee:
    """The rows on which a committee's votes differ most (Seung et al., 1992).

    Parameters
    ----------
    score : {"vote_entropy", "divergence"}
        Entropy of the votes, or mean divergence of the members from their mean.
    """

    score: str = "vote_entropy"
    name: str = "qbc"
    needs: frozenset[str] = ENSEMBLE

    def __post_init__(self) -> None:
        check_choice("score", self.score, ("vote_entropy", "divergence"))

    def select(self, context: Context, n: int) -> Picks:
        """Pick the highest disagreement; equal votes are told apart by their divergence."""
        scores = prob_score(context, "bald")
        if self.score == "vote_entropy":
            scores = context.kind.vote_entropy(_ensemble(context)) + 1e-3 * scores
        return pick_highest(context, scores, n=n, reason="disagreement")


@dataclass(frozen=True)
class Power:
    """A stochastic batch: rows drawn in proportion to a power of an uncertainty score.

    After Kirsch et al. (2023), "Stochastic Batch Acquisition": as good as costly batch methods at
    the price of one pass, and each draw has a known probability.

    Parameters
    ----------
    score : {"margin", "entropy", "least_confidence", "bald"}
    power : float
        0 is uniform; the larger, the closer to picking the highest.
    """

    score: str = "margin"
    power: float = 2.0
    name: str = "power_margin"
    needs: frozenset[str] = PROBS

    def __post_init__(self) -> None:
        check_choice("score", self.score, SCORES)
        check_number("power", self.power, low=0)

    def select(self, context: Context, n: int) -> Picks:
        """Draw rows without replacement."""
        rows = context.available
        scores = prob_score(context, self.score)[rows] ** self.power * context.preference[rows]
        order, chance = draw_without_replacement(scores, n=n, rng=context.rng)
        return Picks.of(
            rows[order], scores=scores[order], reason="uncertainty", propensities=chance
        )


@dataclass(frozen=True)
class PowerBALD(Power):
    """`Power` on the mutual information of an ensemble."""

    score: str = "bald"
    power: float = 1.0
    name: str = "power_bald"
    needs: frozenset[str] = field(default=ENSEMBLE)


def prob_score(context: Context, score: str) -> np.ndarray:
    """Return one of `SCORES` of each row of the pool, shape (n,), higher = less sure."""
    if score == "bald":
        return context.kind.mutual_information(_ensemble(context))
    scorer = {
        "margin": context.kind.margin,
        "entropy": context.kind.entropy,
        "least_confidence": context.kind.least_confidence,
    }[score]
    return scorer(context.probs)


def _ensemble(context: Context) -> np.ndarray:
    assert context.ensemble_probs is not None  # `needs` was checked by the caller
    return context.ensemble_probs
