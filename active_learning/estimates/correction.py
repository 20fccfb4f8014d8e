"""What turns a model's own probabilities of being right into true ones, from rows of known truth.

A row is right with odds ``exp(shift) · odds(expected)^slope`` (Platt, 1999, with a slope of at most
1). Both parameters have a posterior on a grid: Jeffreys' prior over the shift, so that without an
error seen nothing is certain, flat over the slope in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHIFTS = np.linspace(-12.0, 12.0, 241)
SLOPES = np.linspace(0.0, 1.0, 11)
# Right and wrong rows that the prior is worth: Jeffreys' half.
PRIOR = 0.5
# Expectations further out count as these.
CLIPPED = (0.01, 0.99)
# Log-odds between which `probability` interpolates.
POINTS = 201


@dataclass(frozen=True)
class Correction:
    """The posterior of shift and slope.

    Attributes
    ----------
    chances : ndarray of float64, shape (shifts, slopes)
        Probability of each point of the grid.
    slopes : ndarray of float64
    center : float
        Mean log-odds of the rows that it was fitted on; the shift is the log-odds there.
    rates : ndarray of float64, shape (shifts, slopes, m)
        Probability of each of these rows to be right, at each point of the grid.
    """

    chances: np.ndarray
    slopes: np.ndarray
    center: float
    rates: np.ndarray

    def probability(self, expected: np.ndarray) -> np.ndarray:
        """Return the probability to be right of rows with these expectations, float64 (n,)."""
        ends = log_odds(np.array(CLIPPED))
        points = np.linspace(ends[0], ends[1], POINTS)
        odds = SHIFTS[:, None, None] + self.slopes[:, None] * (points - self.center)
        means = np.einsum("as,asp->p", self.chances, 1.0 / (1.0 + np.exp(-odds)))
        return np.asarray(np.interp(log_odds(expected), points, means))


def fit_correction(
    right: np.ndarray, *, expected: np.ndarray | None, mass: np.ndarray
) -> Correction:
    """Fit shift and slope to rows of known truth.

    Parameters
    ----------
    right : ndarray of float64, shape (m,)
        1 where right, 0 where wrong.
    expected : ndarray of float64, shape (m,), optional
        Own probability to be right; without it the slope is 0.
    mass : ndarray of float64, shape (m,)
        How many rows each counts for.
    """
    slopes = np.zeros(1) if expected is None else SLOPES
    given = log_odds(np.full(len(right), 0.5) if expected is None else expected)
    share = mass / mass.sum()
    center = float(given @ share)
    rates = 1.0 / (1.0 + np.exp(-(SHIFTS[:, None, None] + slopes[:, None] * (given - center))))
    fit = np.log(rates) @ (mass * right) + np.log1p(-rates) @ (mass * (1.0 - right))
    fit += PRIOR * np.log((rates * (1.0 - rates)) @ share)
    chances = np.exp(fit - fit.max())
    return Correction(chances / chances.sum(), slopes, center, rates)


def log_odds(expected: np.ndarray) -> np.ndarray:
    """Return the log-odds of probabilities, those beyond `CLIPPED` as if at its ends."""
    inside = np.clip(expected, *CLIPPED)
    return np.asarray(np.log(inside / (1.0 - inside)))
