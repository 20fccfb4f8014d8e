"""The learning curve as an inverse power law: ``error(n) = floor + scale · n ** -rate``.

Errors of classifiers fall so over orders of magnitude (Hestness et al., 2017; Rosenfeld et al.,
2020). For a given rate the other two are a least-squares problem with bounds, so that a grid of
rates finds the best fit without a start. Costs O(points · rates) time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

RATES = np.round(np.geomspace(0.05, 2.0, 60), 6)


@dataclass(frozen=True)
class PowerLaw:
    """A fitted curve; `floor` is the error that no number of rows goes below."""

    floor: float
    scale: float
    rate: float

    def __call__(self, n: np.ndarray | float) -> np.ndarray:
        """Return the error at so many rows."""
        return np.asarray(self.floor + self.scale * np.asarray(n, dtype=float) ** -self.rate)


def fit_power_law(sizes: np.ndarray, errors: np.ndarray) -> PowerLaw:
    """Fit the curve by least squares; floor and scale are at least 0.

    Parameters
    ----------
    sizes : ndarray of float, shape (k,)
        Numbers of rows; at least two different ones.
    errors : ndarray of float, shape (k,)
        Shares of wrong answers.
    """
    best: tuple[float, PowerLaw] = (np.inf, PowerLaw(float(np.mean(errors)), 0.0, 1.0))
    # In units of the smallest size, so that no power is tiny.
    smallest = float(np.min(sizes))
    for rate in RATES:
        design = np.stack([np.ones(len(sizes)), (sizes / smallest) ** -rate], axis=1)
        (floor, scale), residual = nnls(design, errors)
        if residual < best[0]:
            law = PowerLaw(float(floor), float(scale * smallest**rate), float(rate))
            best = residual, law
    return best[1]


def resampled_laws(
    sizes: np.ndarray, errors: np.ndarray, *, rng: np.random.Generator, draws: int
) -> list[PowerLaw]:
    """Fit curves to resampled repeats; their spread anywhere is that of the extrapolation.

    Parameters
    ----------
    sizes : ndarray of float, shape (k,)
    errors : ndarray of float, shape (k, repeats)
        One column a repeat: the same draw of rows at all sizes.
    rng : numpy.random.Generator
    draws : int
    """
    repeats = errors.shape[1]
    taken = [rng.integers(repeats, size=repeats) for _ in range(draws)]
    return [fit_power_law(sizes, errors[:, columns].mean(axis=1)) for columns in taken]
