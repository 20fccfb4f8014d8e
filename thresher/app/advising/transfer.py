"""How far a probe's points lie from what a trained network then changes.

A linear head on a sample is no network on all rows. The spreads below are root mean squares of the
difference, measured by ``benchmarks/advise.py`` on the sets that it names as tuned on; the other
sets judge them. They are added to a probe's own spread.
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
        "copies": (0.5, 0.35),
    }
)
# Halving the epochs is not probed: a head in closed form has none.
FEWER_EPOCHS = Estimate.around(-0.4, 0.6)


def widened(found: Estimate, kind: str) -> Estimate:
    """Return an estimate of a network's points from those of a probe."""
    fixed, share = SPREADS[kind]
    more = Z80 * math.hypot(fixed, share * found.value)
    below, above = found.value - found.low, found.high - found.value
    return Estimate(
        found.value, found.value - math.hypot(below, more), found.value + math.hypot(above, more)
    )
