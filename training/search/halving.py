"""Successive halving: all networks learn a little, the better third learns three times as long.

Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
AISTATS 2016. Each round trains anew, since a schedule cut short says nothing of a whole one; that
costs at most half as much again as the last round.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .candidate import Variant

KEPT = 3


@dataclass(frozen=True)
class Trial:
    """A network after some epochs.

    Attributes
    ----------
    network : Variant
    epochs : int
    accuracy : float
    interval : tuple of float
    flops, parameters : float
        Of the network in float.
    """

    network: Variant
    epochs: int
    accuracy: float
    interval: tuple[float, float]
    flops: float
    parameters: float


def rounds(count: int, finalists: int) -> list[int]:
    """Return how many networks each round trains; the last trains `finalists` or all there are."""
    sizes = [count]
    while sizes[-1] > finalists:
        sizes.append(max(finalists, math.ceil(sizes[-1] / KEPT)))
    return sizes


def share_of_epochs(number: int, total: int) -> float:
    """Return which share of the full training round `number` of `total` gives a network."""
    return float(KEPT ** (number - (total - 1)))


def survivors(
    trials: Sequence[Trial], count: int, *, min_accuracy: float | None = None
) -> list[Trial]:
    """Return the `count` trials to train longer.

    Networks that another beats in accuracy, FLOPs and parameters at once go first. Of the others
    stay those that reach `min_accuracy` already, the cheapest first, then the most accurate.
    """

    def rank(trial: Trial) -> tuple[bool, bool, float]:
        dominated = any(_beats(other, trial) for other in trials)
        reached = min_accuracy is not None and trial.accuracy >= min_accuracy
        return dominated, not reached, trial.flops if reached else -trial.accuracy

    return sorted(trials, key=rank)[:count]


def _beats(first: Trial, second: Trial) -> bool:
    pairs = (
        (first.accuracy, second.accuracy),
        (-first.flops, -second.flops),
        (-first.parameters, -second.parameters),
    )
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)
