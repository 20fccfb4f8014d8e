"""An ensemble of strategies: many propose, the rows proposed survive, coverage decides.

After REFINE, "Refining Pool-Based Active Learning with Progressive Filtering" (2025): each round
lets every strategy propose batches from random parts of the surviving rows; only proposed rows
survive; after some rounds a coverage strategy picks from them. Cost: rounds · strategies · batches
queries on parts of at most `part` rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from thresher.core.errors import InputError, check_number

from ..pool.context import Context
from ..pool.selection import Picks
from .centers import KCenter
from .clusters import KMeans
from .herding import MaxHerding, UHerding
from .neighborhood import DensityWeighted
from .seeding import BADGE
from .strategy import Strategy
from .uncertain import Entropy, LeastConfidence, Margin, Power

PROPOSERS: tuple[Strategy, ...] = (
    Margin(),
    LeastConfidence(),
    Entropy(),
    BADGE(),
    Power(),
    DensityWeighted(),
    KCenter(),
    KMeans(),
    MaxHerding(max_points=512),
)


@dataclass(frozen=True)
class Refine:
    """Progressive filtering by several strategies, then a final choice.

    Parameters
    ----------
    proposers : tuple of Strategy
        Those whose needs are not met are left out of a query.
    then : Strategy
        Picks among the survivors.
    rounds, batches, part
        Filtering rounds; batches that each strategy proposes a round; rows each batch sees.
    """

    proposers: tuple[Strategy, ...] = PROPOSERS
    then: Strategy = field(default_factory=UHerding)
    rounds: int = 2
    batches: int = 3
    part: int = 2000
    name: str = "refine"
    needs: frozenset[str] = frozenset({"embeddings"})

    def __post_init__(self) -> None:
        if not self.proposers:
            raise InputError("`proposers` must name at least one strategy.")
        for name in ("rounds", "batches", "part"):
            check_number(name, getattr(self, name), low=1)

    def select(self, context: Context, n: int) -> Picks:
        """Filter the rows and choose."""
        able = [p for p in self.proposers if all(context.has(need) for need in p.needs)]
        survivors = context.available
        for _ in range(self.rounds):
            proposed = [
                self._propose(context, proposer, survivors=survivors, n=n)
                for proposer in able
                for _ in range(self.batches)
            ]
            if proposed:
                survivors = np.unique(np.concatenate(proposed))
        return self.then.select(context.only(survivors), n)

    def _propose(
        self, context: Context, proposer: Strategy, *, survivors: np.ndarray, n: int
    ) -> np.ndarray:
        size = min(len(survivors), max(n, min(self.part, int(0.4 * len(survivors)) + n)))
        part = context.rng.choice(survivors, size, replace=False)
        rows = np.union1d(part, context.covered)
        return np.asarray(rows[proposer.select(context.take(rows), n).positions])
