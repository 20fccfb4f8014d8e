"""How far a probe lies from what a trained network then changes, and what other sets changed.

A linear head on a sample is no network on all rows. The spreads below are added to a probe's own;
what is not probed is as on other sets. They come from what ``benchmarks/advise.py`` measured on the
sets that it names as tuned on; the sets that it names as fresh took no part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import MappingProxyType

from .levers import Z80, Estimate


@dataclass(frozen=True)
class Doublings:
    """How many times less of something, as a power of two: usual value and standard deviation."""

    usual: float
    spread: float

    def times(self) -> Estimate:
        """Return how many times less, with an 80 % interval."""
        low, high = (2 ** (self.usual + sign * Z80 * self.spread) for sign in (-1, 1))
        return Estimate(2**self.usual, low, high)


@dataclass(frozen=True)
class Times:
    """What took how much less time on other sets, and the milliseconds of a student's row."""

    student: Doublings
    integers: Doublings
    batches: Doublings
    student_ms: float


@dataclass(frozen=True)
class ShippedFile:
    """Of a file that starts from shipped weights, as `Times`, and the points that integers take."""

    integers: Doublings
    points: Estimate
    batches: Doublings
    single_ms: float


# Points that stay unknown for any change, and for each point of the probe's own.
SPREADS = MappingProxyType(
    {
        "more labels": (0.6, 0.25),
        "chosen labels": (0.8, 0.3),
        "core set": (0.4, 0.25),
        "wrong labels": (0.4, 0.35),
        "copies": (0.45, 0.35),
        "augmentation": (1.5, 0.25),
    }
)
# How much more a network gains by more rows than a linear head.
LEARNS = MappingProxyType({"text": 1.2, "features": 1.2, "image": 1.4, "shipped": 1.0})
# Halving the epochs: points on the sets tuned on by modality, and how much of what small networks
# show on the probed rows came out.
FEWER_EPOCHS = MappingProxyType(
    {
        "text": Estimate.around(0.5, 0.6),
        "features": Estimate.around(-0.2, 0.85),
        "image": Estimate.around(-0.5, 0.8),
    }
)
EPOCHS_SHOWN = 0.15
# Share of the errors of a linear head that augmentation took from networks on the sets tuned on:
# mean and deviation; and the points by which such a head on views of images was off.
AUGMENTED, HEAD_ON_VIEWS = (0.16, 0.06), 4.0
# Share of a random half's loss that choosing recovered on the sets tuned on: mean and deviation.
RECOVERED = MappingProxyType({"chosen labels": (0.4, 0.5), "core set": (0.15, 0.4)})
# A run takes the smallest student that loses about a point to its teacher, at worst the teacher: of
# how many times smaller the usual student is, which power is left.
STUDENT_SIZE = MappingProxyType({"text": 0.4, "features": 0.75, "image": 0.7})
STUDENT_POINTS = MappingProxyType(
    {
        "text": Estimate.around(-0.4, 0.8),
        "features": Estimate.around(0.3, 1.4),
        "image": Estimate.around(-0.3, 1.0),
    }
)
# A file of much weight and little else becomes so many times smaller in integers.
MOST_BY_INTEGERS = 4.0
INTEGERS = Estimate.around(-0.05, 0.2)
USUAL_TIMES = MappingProxyType(
    {
        "text": Times(Doublings(0.4, 0.5), Doublings(-0.35, 0.25), Doublings(1.7, 0.3), 0.025),
        "features": Times(Doublings(0.45, 0.3), Doublings(-0.57, 0.2), Doublings(4.7, 0.9), 0.008),
        "image": Times(Doublings(2.0, 0.7), Doublings(1.0, 0.5), Doublings(0.1, 0.5), 0.2),
    }
)


# Of EfficientNet-Lite0 by the side of its images: enlarged pictures of CIFAR-10N, and photographs.
SHIPPED_FILES = MappingProxyType(
    {
        96: ShippedFile(
            Doublings(0.65, 0.3), Estimate.around(-1.6, 0.7), Doublings(-0.1, 0.2), 1.45
        ),
        160: ShippedFile(
            Doublings(0.8, 0.3), Estimate.around(-0.1, 0.3), Doublings(-0.1, 0.2), 4.0
        ),
    }
)


def shipped_file(side: int) -> ShippedFile:
    """Return what files take for images of a side: as the nearest one that was measured."""
    near = min(SHIPPED_FILES, key=lambda measured: abs(measured - side))
    usual = SHIPPED_FILES[near]
    return replace(usual, single_ms=usual.single_ms * (side / near) ** 2)


def learned(found: Estimate, kind: str) -> Estimate:
    """Return the points that more rows win a network from those that they win a linear head.

    A network gained more on nine of the twelve sets tuned on, most from pixels, where it learns
    what to look at. A run from shipped weights trains such a head itself.
    """
    factor = LEARNS[kind]
    return Estimate(factor * found.value, factor * found.low, factor * found.high)


def fewer_epochs_points(modality: str, seen: float) -> Estimate:
    """Return the points that half of the epochs change, from those of small networks.

    What fewer epochs win is not to be won again: a run tries short lengths first, and takes them.
    On eight sets with right and with wrong labels (``benchmarks/training_lengths.py``) half of the
    epochs changed by -0.5 to +2.9 points against all of them and -0.5 to +0.5 against the length
    that a run takes, without pictures learned from pixels.
    """
    usual = FEWER_EPOCHS[modality]
    more = EPOCHS_SHOWN * seen
    value = min(usual.value + more, 0.0)
    # What is unknown stays so on both sides.
    return Estimate(value, value - Z80 * usual.spread, max(usual.high + more, 0.0))


def recovered(loss: float, kind: str) -> Estimate:
    """Return the points that choosing recovers of the loss of a random half, as on other sets."""
    mean, spread = RECOVERED[kind]
    known = max(0.0, loss)
    return Estimate.around(mean * known, max(0.5, spread * known))


def augmented(found: Estimate, error: float) -> Estimate:
    """Return the points that augmentation wins a network, from those that it wins a linear head.

    Networks from pixels gained 6 to 7 points on three sets where such a head gained 1 to 5: it does
    not learn what to look at. So what it shows counts beside what networks gained on other sets, as
    a share of the errors, each by its precision.

    Parameters
    ----------
    found : Estimate
        Points of the head.
    error : float
        Share of wrong answers of the head, without augmentation.
    """
    mean, spread = AUGMENTED
    usual = Estimate.around(100 * error * mean, max(0.1, 100 * error * spread))
    seen = Estimate.around(found.value, math.hypot(found.spread, HEAD_ON_VIEWS))
    return combined(seen, usual)


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
