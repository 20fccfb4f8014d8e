"""The learning curve of a session, and how far it leads: floor + scale · labels^(−power)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..estimates.accuracy import Estimate
from .audit_arm import Audit

SHARES = (0.25, 0.4, 0.6, 0.8, 1.0)
FOLDS = 5
LEAST_TRAINED = 5
POOL_SAMPLE = 2_000
REACH = 20.0
POWERS = np.linspace(0.1, 1.5, 29)


@dataclass(frozen=True)
class PowerLaw:
    """Mean loss at a number of labels; `last` is the largest number that it was fitted to."""

    floor: float
    scale: float
    power: float
    last: float

    def at(self, labels: float) -> float:
        """Return the loss at so many labels."""
        return self.floor + self.scale * float(labels**-self.power)

    def labels_for(self, loss: float) -> float:
        """Return the labels at which the loss is reached.

        Infinite when the floor is above it, or when the curve would have to be followed beyond
        `REACH` times its last size.
        """
        if loss >= self.at(self.last):
            return self.last
        if loss <= self.floor or self.scale <= 0:
            return float("inf")
        labels = float((self.scale / (loss - self.floor)) ** (1.0 / self.power))
        return labels if labels <= REACH * self.last else float("inf")


def fit_power_law(sizes: np.ndarray, losses: np.ndarray) -> PowerLaw:
    """Fit by least squares; floor and scale for each of a grid of powers, neither negative."""
    best, least = PowerLaw(float(losses.mean()), 0.0, 0.5, float(sizes[-1])), np.inf
    for power in POWERS:
        x = sizes**-power
        centered = x - x.mean()
        scale = max(0.0, float(centered @ losses) / max(float(centered @ centered), 1e-30))
        floor = float(losses.mean() - scale * x.mean())
        if floor < 0:
            floor, scale = 0.0, max(0.0, float(x @ losses) / float(x @ x))
        squares = float(((floor + scale * x - losses) ** 2).sum())
        if squares < least - 1e-12:
            best, least = PowerLaw(floor, scale, float(power), float(sizes[-1])), squares
    return best


def session_curve(audit: Audit, *, now: Estimate) -> PowerLaw | None:
    """Fit the curve to models of the first quarter, two fifths, … and all of the labels.

    Each is judged on held-out audited rows, and over the pool by what it expects of itself, as
    `estimate_accuracy` does. The curve is moved to today's estimate `now`, which rests on larger
    folds. None when there are fewer than three sizes to fit.
    """
    task = audit.policy.task
    rng = np.random.default_rng((audit.policy.seed, 10))
    rest = audit.sample()
    rest = rng.choice(rest, min(POOL_SAMPLE, len(rest)), replace=False)
    m = len(audit.rows)
    parts = np.array_split(rng.permutation(len(audit.places)), min(FOLDS, len(audit.places)))
    sizes, losses = [], []
    for share in SHARES:
        first = audit.order[: round(share * m)]
        if len(first) < LEAST_TRAINED:
            continue
        drawn = audit.judged_by(first, parts=parts, rest=rest)
        more = float(np.average(drawn.loss - drawn.expected, weights=drawn.weights))
        sizes.append(share * m)
        losses.append(drawn.expected_mean + more)
    if len(sizes) < 3:
        return None
    level = task.loss_of(now.value) - losses[-1]
    return fit_power_law(np.array(sizes), np.maximum(np.array(losses) + level, 0.0))
