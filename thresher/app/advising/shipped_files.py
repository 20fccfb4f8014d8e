"""Size and latency of a run that starts from shipped weights: there is no smaller student."""

from __future__ import annotations

from collections.abc import Mapping

from ..steps.starts import TITLE
from .files import (
    BATCHES,
    FLOAT_BYTES,
    IN_INTEGERS,
    NO_POINTS,
    STUDENT,
    Costs,
    cached,
    lever_on,
)
from .levers import Estimate, Lever, unprobed
from .transfer import shipped_file
from .weights import count_shipped_weights

# Bytes of the integer file beside a byte for each weight: scales, sums and the graph.
INTEGER_BYTES = 281_000
# Milliseconds to make the key of an image and look it up, for each of its bytes.
KEY_MS, CHANNELS = 1.2e-6, 3
WHY = f"a run that starts from {TITLE} ends with it: it has no teacher and no smaller student"


def count_shipped_files(side: int, *, num_classes: int) -> dict[str, Costs]:
    """Count bytes from the weights; the time of a row is that of other sets."""
    weights = count_shipped_weights(side, num_classes=num_classes)
    return {
        "student": Costs(4.0 * weights + FLOAT_BYTES, shipped_file(side).single_ms),
        "int8": Costs(float(weights + INTEGER_BYTES)),
    }


def shipped_file_levers(costs: Mapping[str, Costs], *, side: int, equal: float) -> list[Lever]:
    """Return the levers on size and latency.

    Parameters
    ----------
    costs : mapping of str to Costs
        Of ``"student"`` and ``"int8"``.
    side : int
        Pixels that the network sees.
    equal : float
        Share of the rows that equals an earlier one.
    """
    whole, integers = costs["student"].bytes, costs["int8"].bytes
    times = whole / integers
    usual = shipped_file(side)
    told = f"as on other sets, of images of {side} pixels"
    name, command = STUDENT
    return [
        unprobed(name, command, ("size", "latency"), WHY, part=False),
        lever_on(
            IN_INTEGERS,
            "size",
            Estimate(times, times / 1.05, 1.05 * times),
            usual.points,
            f"{whole / 1e6:.3g} MB become {integers / 1e6:.3g} MB (counted from the weights); "
            "points are what other sets changed",
        ),
        lever_on(IN_INTEGERS, "latency", usual.integers.times(), usual.points, told),
        lever_on(BATCHES, "latency", usual.batches.times(), NO_POINTS, told),
        cached(equal, usual.single_ms, key_ms=KEY_MS * CHANNELS * side**2),
    ]
