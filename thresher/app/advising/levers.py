"""What a lever gives, how sure that is, and what that is worth.

The worth is counted in doublings: a lever that halves the bottleneck is worth one, and each point
of accuracy that it wins or loses counts as one too. So halving the labels at the price of a point
is worth nothing, and doubling them pays where it wins more than a point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ...core.shown import Shown

BOTTLENECKS = ("size", "latency", "cost", "labels")
# Two sides of a normal distribution that hold 80 % of it.
Z80 = 1.2816
# Doublings that nobody would notice.
LITTLE = 0.05
PAYS, NOT, UNCLEAR, UNPROBED = "pays", "does not pay", "cannot tell", "not probed"
NO_PART, NONE_FOUND = "not part of such a run", "nothing to leave out"


@dataclass(frozen=True)
class Estimate:
    """A number and its 80 % interval."""

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"{self.value} lies outside {self.low} to {self.high}")

    @classmethod
    def around(cls, value: float, spread: float) -> Estimate:
        """Return an estimate whose error is normal with this standard deviation."""
        return cls(value, value - Z80 * spread, value + Z80 * spread)

    @property
    def spread(self) -> float:
        """Standard deviation of a normal error with this interval."""
        return (self.high - self.low) / (2 * Z80)

    def holds(self, truth: float) -> bool:
        """Tell whether the interval holds a number."""
        return self.low <= truth <= self.high


EXACT = Estimate(1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Lever:
    """Something that can be done before or after training, and what a probe says of it.

    Attributes
    ----------
    name : str
    command : str
        How it is pulled.
    acts_on : tuple of str
        Bottlenecks that it changes, of `BOTTLENECKS`.
    times : Estimate
        How many times less of the bottleneck is needed; below 1: more.
    points : Estimate
        Change of accuracy in points.
    cost : float
        What pulling it costs, in full runs, beside the run that follows it.
    evidence : str
        What was looked at.
    labels : int
        Labels that people have to give for it.
    probed : bool
        False where a probe did not fit into its time or the rows do not allow it; then `evidence`
        says why, and nothing is claimed.
    part : bool
        False where the run that is expected has no such thing; then `evidence` says why.
    found : bool
        False where a probe found nothing that the lever would leave out.
    """

    name: str
    command: str
    acts_on: tuple[str, ...]
    times: Estimate
    points: Estimate
    cost: float
    evidence: str
    labels: int = 0
    probed: bool = True
    part: bool = True
    found: bool = True

    @property
    def told(self) -> bool:
        """Whether a gain is claimed."""
        return self.probed and self.found

    @property
    def worth(self) -> Estimate:
        """Doublings: of the bottleneck, and one for each point of accuracy."""
        low, value, high = (
            math.log2(x) for x in (self.times.low, self.times.value, self.times.high)
        )
        below = math.hypot(value - low, self.points.value - self.points.low)
        above = math.hypot(high - value, self.points.high - self.points.value)
        center = value + self.points.value
        return Estimate(center, center - below, center + above)

    @property
    def returned(self) -> Estimate:
        """Worth for each full run that is spent: the one that follows the lever, and its own."""
        worth, runs = self.worth, 1 + self.cost
        return Estimate(worth.value / runs, worth.low / runs, worth.high / runs)

    @property
    def returns(self) -> float:
        """What `returned` is about."""
        return self.returned.value

    @property
    def verdict(self) -> str:
        """Say whether the interval of the worth excludes nothing, or anything to speak of."""
        if not self.part:
            return NO_PART
        if not self.probed:
            return UNPROBED
        if not self.found:
            return NONE_FOUND
        if self.worth.low > 0:
            return PAYS
        return NOT if self.worth.high < LITTLE else UNCLEAR

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        more = {"worth": asdict(self.worth), "returns": self.returns, "verdict": self.verdict}
        return {**asdict(self), "acts_on": list(self.acts_on), **more}


def lever_from(record: dict[str, Any]) -> Lever:
    """Read what `Lever.to_json` gave."""
    names = ("name", "command", "cost", "evidence", "labels", "probed", "part", "found")
    return Lever(
        acts_on=tuple(record["acts_on"]),
        times=Estimate(**record["times"]),
        points=Estimate(**record["points"]),
        **{name: record[name] for name in names},
    )


def unprobed(
    name: str, command: str, acts_on: tuple[str, ...], why: str, *, part: bool = True
) -> Lever:
    """Return a lever of which nothing is claimed, with the reason."""
    nothing = Estimate(0.0, 0.0, 0.0)
    return Lever(name, command, acts_on, EXACT, nothing, 0.0, why, probed=False, part=part)


def ranked(levers: Sequence[Lever], bottleneck: str) -> tuple[Lever, ...]:
    """Return the levers that act on a bottleneck, the best return first, untold ones last.

    Of equal returns the surer one comes first.
    """
    acting = [lever for lever in levers if bottleneck in lever.acts_on]

    def place(lever: Lever) -> tuple[bool, float, float, str]:
        return not lever.told, -round(lever.returns, 3), lever.worth.spread, lever.name

    return tuple(sorted(acting, key=place))


@dataclass(frozen=True, repr=False)
class Bottleneck(Shown):
    """What presses most, and why that one.

    Attributes
    ----------
    name : str
        One of `BOTTLENECKS`.
    reason : str
    """

    name: str
    reason: str = field(default="asked for")
