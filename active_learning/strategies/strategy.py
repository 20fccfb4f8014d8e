"""The contract that every strategy keeps, and the two steps that many of them share."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from thresher.core.ties import highest_first, smallest_first

from ..pool.context import Context
from ..pool.selection import Picks


class Strategy(Protocol):
    """Chooses rows. A strategy is a frozen dataclass: its fields are its options.

    ``name`` is its name in the registry. ``needs`` names the arrays of the `Context` that it
    cannot do without (``"embeddings"``, ``"pred_probs"``, ``"ensemble_probs"``,
    ``"dropout_probs"``, ``"uncertainty"``).

    Examples
    --------
    >>> from active_learning import Strategy, get_strategy
    >>> margin: Strategy = get_strategy("margin")
    >>> margin.name, sorted(margin.needs)
    ('margin', ['pred_probs'])
    """

    @property
    def name(self) -> str:
        """Name in the registry."""

    @property
    def needs(self) -> frozenset[str]:
        """Arrays that must be given."""

    def select(self, context: Context, n: int) -> Picks:
        """Choose `n` of ``context.available``, which holds at least that many; best first."""


def working_rows(context: Context) -> np.ndarray | slice:
    """Return which rows to compute on: all when most are available, so that none is copied."""
    rows = context.available
    return slice(None) if 2 * len(rows) > len(context) else rows


def pick_highest(context: Context, utility: np.ndarray, *, n: int, reason: str) -> Picks:
    """Pick the `n` available rows of highest utility times preference; ties by position.

    `utility` has shape (n_pool,).
    """
    rows = context.available
    scores = utility[rows] * context.preference[rows]
    order = highest_first(scores, n=n)
    return Picks.of(rows[order], scores=scores[order], reason=reason)


def draw_without_replacement(
    scores: np.ndarray, *, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw `n` places one after the other, each with probability proportional to `scores`.

    Returns the places, shape (n,), in the order drawn, and the probability of each draw given the
    earlier ones. Rows with score 0 come last, at random. Uses exponential races (Efraimidis and
    Spirakis, 2006): one pass instead of n.
    """
    positive = np.maximum(scores, 0.0)
    total = positive.sum()
    floor = 1e-12 * total / max(1, len(positive)) if total > 0 else 1.0
    mass = positive + floor
    race = rng.standard_exponential(len(mass)) / mass
    order = smallest_first(race, n=n)
    taken = np.concatenate([[0.0], np.cumsum(mass[order])[:-1]])
    left = np.maximum(mass.sum() - taken, mass[order])
    return order, mass[order] / left
