"""Places in a ranking: levers whose intervals do not tell them apart are level.

A place is a range: as many levers stand above it as are surely ahead, and as many below it as are
surely behind. So an order that is chance is not read as one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from .levers import PAYS, Z80, Estimate, Lever

# How likely the other one may be ahead before two levers count as level.
CHANCE = 0.2
# In half-widths of an 80 % interval.
SURE = NormalDist().inv_cdf(1 - CHANCE) / Z80


def surely_ahead(one: Estimate, other: Estimate) -> bool:
    """Tell whether one number is above another, with a chance of `CHANCE` at most that it is not.

    Their errors count as independent.
    """
    apart = math.hypot(one.value - one.low, other.high - other.value)
    return one.value - other.value > SURE * apart


def places(levers: Sequence[Lever]) -> list[tuple[int, int] | None]:
    """Return the first and the last place that each lever may have, None of those not told.

    Parameters
    ----------
    levers : sequence of Lever
        All that act on a bottleneck.
    """
    found = [lever.returned for lever in levers if lever.told]
    return [
        (
            1 + sum(surely_ahead(other, lever.returned) for other in found),
            len(found) - sum(surely_ahead(lever.returned, other) for other in found),
        )
        if lever.told
        else None
        for lever in levers
    ]


def around_first(levers: Sequence[Lever]) -> tuple[list[Lever], list[Lever]]:
    """Return what stands above the first lever that pays, and what below is level with it.

    Those above are expected to return more, but not sure to pay.

    Parameters
    ----------
    levers : sequence of Lever
        Ranked, with one that pays.
    """
    at = next(at for at, lever in enumerate(levers) if lever.verdict == PAYS)
    first = levers[at].returned
    below = [
        lever
        for lever in levers[at + 1 :]
        if lever.told and not surely_ahead(first, lever.returned)
    ]
    return list(levers[:at]), below
