"""What turns a model's own probabilities of being right into true ones, from rows of known truth.

A row is right with odds ``exp(shift) · odds(expected)^slope`` (Platt, 1999, with a slope of at most
1). Both parameters have a posterior on a grid: Jeffreys' prior over the shift, so that without an
error seen nothing is certain, flat over the slope in [0, 1]. Many rows tell more than the steps of
the usual shifts show; for each slope the shifts then lie close around the likeliest one. Costs the
same time and memory from some hundred distinct expectations on.
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
# More distinct expectations than these are rounded to so many digits of their log-odds.
DISTINCT, DIGITS = 500, 2
# Steps of the shifts are at most so many deviations of their posterior; finer ones reach so many to
# both sides of the likeliest.
COARSEST, REACH = 0.25, 8.0


@dataclass(frozen=True)
class Correction:
    """The posterior of shift and slope.

    Attributes
    ----------
    chances : ndarray of float64, shape (shifts, slopes)
        Probability of each point of the grid.
    shifts : ndarray of float64, shape (shifts, slopes)
    slopes : ndarray of float64
    center : float
        Mean log-odds of the rows that it was fitted on; the shift is the log-odds there.
    rates : ndarray of float64, shape (shifts, slopes, m)
        Probability to be right at each of the distinct expectations, at each point of the grid.
    share : ndarray of float64, shape (m,)
        Part of the rows' mass that each of them has.
    """

    chances: np.ndarray
    shifts: np.ndarray
    slopes: np.ndarray
    center: float
    rates: np.ndarray
    share: np.ndarray

    def probability(self, expected: np.ndarray) -> np.ndarray:
        """Return the probability to be right of rows with these expectations, float64 (n,)."""
        ends = log_odds(np.array(CLIPPED))
        points = np.linspace(ends[0], ends[1], POINTS)
        rates = _rates(self.shifts, self.slopes, points - self.center)
        means = np.einsum("as,asp->p", self.chances, rates)
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
    points, place = _distinct(given)
    hits, misses = (np.bincount(place, mass * part) for part in (right, 1.0 - right))
    share, center = (hits + misses) / mass.sum(), float(given @ (mass / mass.sum()))
    shifts = np.tile(SHIFTS[:, None], (1, len(slopes)))
    while True:
        rates = _rates(shifts, slopes, points - center)
        spread = rates * (1.0 - rates)
        fit = np.log(rates) @ hits + np.log1p(-rates) @ misses
        fit += PRIOR * np.log(spread @ share)
        finer = _finer(shifts, fit, information=spread @ (hits + misses))
        if finer is None:
            break
        shifts = finer
    chances = np.exp(fit - fit.max()) * (shifts[1] - shifts[0])
    return Correction(chances / chances.sum(), shifts, slopes, center, rates, share)


def log_odds(expected: np.ndarray) -> np.ndarray:
    """Return the log-odds of probabilities, those beyond `CLIPPED` as if at its ends."""
    inside = np.clip(expected, *CLIPPED)
    return np.asarray(np.log(inside / (1.0 - inside)))


def _rates(shifts: np.ndarray, slopes: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return probabilities to be right at log-odds, float64 (shifts, slopes, m)."""
    return np.asarray(1.0 / (1.0 + np.exp(-(shifts[:, :, None] + slopes[:, None] * given))))


def _distinct(given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct log-odds, rounded where they are many, and which of them each row has."""
    points, place = np.unique(given, return_inverse=True)
    if len(points) > DISTINCT:
        points, place = np.unique(given.round(DIGITS), return_inverse=True)
    return points, place


def _finer(shifts: np.ndarray, fit: np.ndarray, *, information: np.ndarray) -> np.ndarray | None:
    """Return shifts around the likeliest of each slope; None where they are close enough."""
    best = fit.argmax(axis=0), np.arange(fit.shape[1])
    step, deviation = shifts[1] - shifts[0], information[best] ** -0.5
    if (step <= COARSEST * deviation).all():
        return None
    reach = np.maximum(REACH * deviation, 2.0 * step)
    return np.asarray(shifts[best] + np.linspace(-reach, reach, len(shifts)))
