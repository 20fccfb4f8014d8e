"""The learning curve as an inverse power law: ``error(n) = floor + scale · n ** -rate``.

Errors of classifiers fall so over orders of magnitude (Hestness et al., 2017; Rosenfeld et al.,
2020). For a given rate the other two are a least-squares problem with bounds, solved by hand, so
that a grid of rates finds the best fit without a start. Costs O(curves · points · rates) time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
    return _fitted(np.asarray(sizes, float), np.asarray(errors, float)[None])[0]


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
    means = np.array([errors[:, columns].mean(axis=1) for columns in taken])
    return _fitted(np.asarray(sizes, float), means)


def _fitted(sizes: np.ndarray, errors_D_k: np.ndarray) -> list[PowerLaw]:
    """Fit D curves at once: for two unknowns the bounded problem is solved by hand.

    Either both are as they come out, or one of them is 0: of what obeys the bounds, the best.
    """
    # In units of the smallest size, so that no power is tiny.
    smallest = float(sizes.min())
    powers_R_k = (sizes / smallest) ** -RATES[:, None]
    mean_R, mean_D = powers_R_k.mean(axis=1), errors_D_k.mean(axis=1)
    spread_R_k, apart_D_k = powers_R_k - mean_R[:, None], errors_D_k - mean_D[:, None]
    scale_D_R = apart_D_k @ spread_R_k.T / np.maximum((spread_R_k**2).sum(axis=1), 1e-300)
    floor_D_R = mean_D[:, None] - scale_D_R * mean_R
    alone_D_R = errors_D_k @ powers_R_k.T / (powers_R_k**2).sum(axis=1)
    flat_D_R = np.broadcast_to(mean_D[:, None], scale_D_R.shape)
    zero = np.zeros_like(scale_D_R)
    floors = np.stack([floor_D_R, zero, flat_D_R])
    scales = np.stack([scale_D_R, alone_D_R, zero])
    told = floors[..., None] + scales[..., None] * powers_R_k
    residual = ((told - errors_D_k[:, None]) ** 2).sum(axis=-1)
    residual[(floors < 0) | (scales < 0)] = np.inf
    best = residual.transpose(1, 0, 2).reshape(len(errors_D_k), -1).argmin(axis=1)
    ways, rates = np.divmod(best, len(RATES))
    return [
        PowerLaw(
            float(floors[way, draw, rate]),
            float(scales[way, draw, rate] * smallest ** RATES[rate]),
            float(RATES[rate]),
        )
        for draw, (way, rate) in enumerate(zip(ways, rates, strict=True))
    ]
