"""The default: coverage first, uncertainty-weighted coverage as labels come in."""

from __future__ import annotations

from dataclasses import dataclass

from ..pool.context import Context
from ..pool.selection import Picks
from .herding import UHerding
from .uncertain import Random, Uncertainty


@dataclass(frozen=True)
class Auto:
    """Uncertainty herding, which is MaxHerding until there is a model.

    Without embeddings the most uncertain rows; with nothing to go by, random ones.
    """

    name: str = "auto"
    needs: frozenset[str] = frozenset()

    def select(self, context: Context, n: int) -> Picks:
        """Choose with what there is."""
        if context.embeddings is not None:
            return UHerding().select(context, n)
        if context.has_uncertainty:
            return Uncertainty().select(context, n)
        return Random().select(context, n)
