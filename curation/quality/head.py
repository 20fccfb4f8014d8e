"""A quality learnt from a few hundred judged rows: a linear head on their vectors.

The recipe of FineWeb-Edu (Penedo et al., 2024, arXiv 2406.17557): people or a model judge a sample,
a linear head on frozen embeddings learns from it, and a threshold on its score chooses. Here the
threshold comes with a precision that holds with 95 % confidence: rows are scored without their own
label (leave one out, in closed form), and thresholds are tried from a high one on, each a step
lower, until Clopper and Pearson's lower bound (1934) of one is too low. In such a fixed order each
is tried with the whole 5 % (Maurer, Hothorn, Lehmacher, 1995).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_number
from thresher.core.matrices import as_matrix
from thresher.core.shown import Shown
from thresher.core.signatures import checked

PENALTIES = (0.03, 0.3, 3.0, 30.0)
# The chance that the stated precision is wrong, and how many thresholds are tried.
MISS, STEPS = 0.05, 10
FEWEST = 20
ROUNDS = 50


@dataclass(frozen=True)
class ScoreThreshold:
    """From which score on rows are good with a stated precision.

    Attributes
    ----------
    value : float or None
        None where the first threshold has not the precision; the others are then of that one.
    precision : float
        Share of good rows from there on, at least, with 95 % confidence.
    judged, good : int
        Judged rows from there on, and the good ones of them.
    """

    value: float | None
    precision: float
    judged: int
    good: int


@dataclass(frozen=True, repr=False)
class QualityHead(Shown):
    """A linear head that tells good rows from others.

    Attributes
    ----------
    weights : ndarray of float64, shape (d + 1,)
        The last one stands alone.
    judged_scores : ndarray of float64, shape (n,)
        Probability of each judged row to be good, by a head that has not seen it.
    good : ndarray of bool, shape (n,)
    penalty : float
    """

    weights: np.ndarray
    judged_scores: np.ndarray
    good: np.ndarray = field(repr=False)
    penalty: float

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Return the probability of rows to be good, float64, shape (m,)."""
        X = as_matrix("vectors", vectors).astype(np.float64)
        if X.shape[1] + 1 != len(self.weights):
            raise InputError(
                f"`vectors` must have {counted(len(self.weights) - 1, 'column')}, got {X.shape[1]}."
            )
        return _sigmoid(X @ self.weights[:-1] + self.weights[-1])

    def threshold(self, precision: float) -> ScoreThreshold:
        """Return the lowest of ten thresholds down to which `precision` is reached.

        The first keeps half as many of the judged rows as are good, the last all. The judged rows
        must be drawn at random for it to hold of all rows.
        """
        check_number("precision", precision, low=0, high=1, low_open=True)
        lowest: ScoreThreshold | None = None
        for share in np.linspace(self.good.mean() / 2, 1.0, STEPS).tolist():
            found = self._bound(share)
            if found.precision < precision:
                return lowest or ScoreThreshold(None, found.precision, found.judged, found.good)
            lowest = found
        assert lowest is not None  # there are steps
        return lowest

    def _bound(self, share: float) -> ScoreThreshold:
        from scipy.stats import beta

        value = float(np.quantile(self.judged_scores, 1 - share))
        above = self.judged_scores >= value
        judged, good = int(above.sum()), int(self.good[above].sum())
        low = 0.0 if not good else float(beta.ppf(MISS, good, judged - good + 1))
        return ScoreThreshold(value, low, judged, good)


@checked
def fit_quality_head(vectors: np.ndarray, good: np.ndarray | Sequence[bool]) -> QualityHead:
    """Learn from judged rows which ones are good.

    Ridge regression; its penalty is the one with the highest likelihood of the judged rows, each
    left out in turn, and its output is made a probability by a logistic curve on those. Cost:
    O(n d² + d³).

    Parameters
    ----------
    vectors : ndarray of float, shape (n, d)
        Of the judged rows, 20 or more; of unit length.
    good : array of bool, shape (n,)

    Raises
    ------
    InputError
        When there are too few rows, or all are good or none is.

    Examples
    --------
    >>> import numpy as np
    >>> from curation import fit_quality_head
    >>> rng = np.random.default_rng(0)
    >>> vectors = rng.normal(size=(200, 4))
    >>> head = fit_quality_head(vectors, vectors[:, 0] > 0)
    >>> head.threshold(0.9).value is not None
    True
    """
    X = as_matrix("vectors", vectors).astype(np.float64)
    marks = np.asarray(good, dtype=bool)
    if marks.shape != (len(X),):
        raise InputError(f"`good` must have shape ({len(X)},), got {marks.shape}.")
    if len(X) < FEWEST or marks.all() or not marks.any():
        raise InputError(
            f"A head is learnt from {FEWEST} judged rows or more, good ones and others; got "
            f"{len(X)}, of which {int(marks.sum())} are good. Judge more rows."
        )
    X = np.concatenate([X, np.ones((len(X), 1))], axis=1)
    y = np.where(marks, 1.0, -1.0)
    best: tuple[float, QualityHead] | None = None
    for penalty in PENALTIES:
        weights, left_out = _ridge(X, y, penalty)
        slope, offset = _calibrated(left_out, marks)
        scores = _sigmoid(slope * left_out + offset)
        likelihood = float(np.log(np.where(marks, scores, 1 - scores).clip(1e-12)).mean())
        if best is None or likelihood > best[0]:
            weights = slope * weights
            weights[-1] += offset
            best = likelihood, QualityHead(weights, scores, marks, penalty)
    assert best is not None  # there are penalties
    return best[1]


def _ridge(X: np.ndarray, y: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights, (d + 1,), and each row's output without it, (n,)."""
    gram = X.T @ X + penalty * np.diag(np.append(np.ones(X.shape[1] - 1), 1e-9))
    inverse = np.linalg.inv(gram)
    weights = inverse @ (X.T @ y)
    leverage = np.minimum(((X @ inverse) * X).sum(axis=1), 1 - 1e-6)
    return weights, (X @ weights - leverage * y) / (1 - leverage)


def _calibrated(outputs: np.ndarray, good: np.ndarray) -> tuple[float, float]:
    """Return slope and offset of the logistic curve of highest likelihood, by Newton's method.

    A little penalty keeps the slope finite where all rows are told apart (Platt, 1999).
    """
    X = np.stack([outputs, np.ones(len(outputs))], axis=1)
    at = np.array([1.0, 0.0])
    for _ in range(ROUNDS):
        shares = _sigmoid(X @ at)
        gradient = X.T @ (shares - good) + [1e-2 * at[0], 0.0]
        curvature = (X * (shares * (1 - shares))[:, None]).T @ X + np.diag([1e-2, 1e-6])
        step = np.linalg.solve(curvature, gradient)
        at = at - step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-9:
            break
    # A head that tells nothing must not be turned around.
    return max(float(at[0]), 0.0), float(at[1])


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * values)))
