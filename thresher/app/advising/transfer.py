"""How far a probe's points lie from what a trained network then changes.

A linear head on a sample is no network on all rows. The spreads below are added to a probe's own.
They were chosen by hand, rather too wide than too narrow, from the differences that
``benchmarks/advise.py`` measured on the sets that it names as tuned on.
"""

from __future__ import annotations

import math
from types import MappingProxyType

from .levers import Z80, Estimate

# Points that stay unknown for any change, and for each point of the probe's own.
SPREADS = MappingProxyType(
    {
        "more labels": (0.6, 0.35),
        "chosen labels": (0.8, 0.35),
        "core set": (0.8, 0.35),
        "wrong labels": (0.6, 0.35),
        "copies": (0.45, 0.35),
    }
)
# Halving the epochs is not probed: a head in closed form has none. On the sets tuned on it won half
# a point on average, since the usual numbers of epochs are more than small sets need.
FEWER_EPOCHS = Estimate.around(0.4, 0.9)


# Share of a random half's loss that choosing recovered on the sets tuned on: mean and deviation.
RECOVERED = MappingProxyType({"chosen labels": (0.6, 0.5), "core set": (0.2, 0.5)})


def recovered(loss: float, kind: str) -> Estimate:
    """Return the points that choosing recovers of the loss of a random half, as on other sets."""
    mean, spread = RECOVERED[kind]
    known = max(0.0, loss)
    return Estimate.around(mean * known, max(0.5, spread * known))


def combined(one: Estimate, other: Estimate) -> Estimate:
    """Return what two independent estimates of the same say together, each by its precision."""
    first, second = (estimate.spread**-2 for estimate in (one, other))
    value = (first * one.value + second * other.value) / (first + second)
    return Estimate.around(value, (first + second) ** -0.5)


def widened(found: Estimate, kind: str) -> Estimate:
    """Return an estimate of a network's points from those of a probe."""
    fixed, share = SPREADS[kind]
    more = Z80 * math.hypot(fixed, share * found.value)
    below, above = found.value - found.low, found.high - found.value
    return Estimate(
        found.value, found.value - math.hypot(below, more), found.value + math.hypot(above, more)
    )
