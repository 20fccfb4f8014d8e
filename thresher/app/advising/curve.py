"""Probe of the learning curve: what more labels would win, and what fewer rows would lose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...core.counted import counted
from .levers import Estimate, Lever
from .power_law import PowerLaw, resampled_laws
from .sample import Sample
from .transfer import learned, widened

SHARES = (0.1, 0.18, 0.32, 0.56, 1.0)
DRAWS = 200


@dataclass(frozen=True, eq=False)
class Curve:
    """Errors at several numbers of rows, and what they say of others.

    Attributes
    ----------
    sizes : ndarray of int, shape (k,)
    errors : ndarray of float64, shape (k, repeats)
    of : int
        Labeled training rows in all, without copies.
    given : int
        Labeled training rows in all, copies among them.
    """

    sizes: np.ndarray
    errors: np.ndarray
    of: int
    given: int

    @cached_property
    def laws(self) -> list[PowerLaw]:
        """Laws of the curve by resampled repeats."""
        return resampled_laws(self.sizes, self.errors, rng=np.random.default_rng(0), draws=DRAWS)

    def points(self, n_from: float, n_to: float) -> Estimate:
        """Return by how many points accuracy changes from one number of rows to another."""
        change = [100 * float(law(n_from) - law(n_to)) for law in self.laws]
        low, middle, high = np.quantile(change, [0.1, 0.5, 0.9])
        return Estimate(float(middle), float(low), float(high))

    def slope(self, n: float) -> float:
        """Return the points that half of `n` rows lose."""
        return -self.points(n, n / 2).value

    @property
    def half(self) -> int:
        """Half of the rows given: of many copies, more than half of the different ones."""
        return min(self.of, self.given // 2)


def measure_curve(sample: Sample) -> Curve:
    """Fit the head to growing parts of each repeat's rows, and count its errors."""
    sizes = np.unique([max(12, round(share * sample.fitted_rows)) for share in SHARES])
    errors = np.array(
        [
            [1 - sample.head.right(train[:size], test).mean() for train, test in sample.splits]
            for size in sizes
        ]
    )
    return Curve(sizes, errors, sample.of, sample.given)


def more_labels(curve: Curve, kind: str) -> Lever:
    """Say what twice as many labels would win a run of a kind, of `LEARNS`."""
    # Twice as many different ones: further rows come as copied as these.
    gain = learned(curve.points(curve.of, 2 * curve.of), kind)
    return Lever(
        name="label twice as many rows",
        command="thresher label init, then thresher label next",
        acts_on=("labels",),
        times=Estimate(0.5, 0.5, 0.5),
        points=widened(gain, "more labels"),
        cost=1.0,
        evidence=(
            f"{_told(curve)}, extrapolated from {curve.of:,} to {counted(2 * curve.of, 'row')}"
        ),
        labels=curve.given,
    )


def _told(curve: Curve) -> str:
    first, last = (100 * float(curve.errors[at].mean()) for at in (0, -1))
    return (
        f"errors of a linear head fall from {first:.1f} % with {counted(curve.sizes[0], 'row')} to "
        f"{last:.1f} % with {curve.sizes[-1]}"
    )
