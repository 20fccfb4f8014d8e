"""Let a person look at few rows, and learn from them how far the scores are to be trusted.

The rows are spread along the scores in proportion to the uncertainty √(p(1 − p)) (Neyman, 1934).
The answers fit a logistic curve from the estimated to the true probability of an error (Platt,
1999), held near the identity by a prior, so that ten answers already help and fifty suffice. Since
rows are chosen by their score alone, the curve needs no weights.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from thresher.core.errors import InputError
from thresher.core.text_arrays import text_array

from .noise import NoiseRate
from .odds import logit, sigmoid
from .posterior import expected_precision, flag_threshold


class Judged(Protocol):
    """What of a result is read here: a dataclass whose `judged` rows have a label."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def row_ids(self) -> np.ndarray:
        """Ids, shape (n,)."""

    @property
    def scores(self) -> np.ndarray:
        """Probability that the label is right, shape (n,)."""

    @property
    def judged(self) -> np.ndarray:
        """Which rows have a label, bool, shape (n,)."""

    @property
    def method(self) -> str:
        """How it was found."""


Found = TypeVar("Found", bound=Judged)

# Prior of intercept and slope: normal, with these means and deviations.
PRIOR_MEAN = np.array([0.0, 1.0])
PRIOR_DEVIATION = np.array([1.0, 0.3])
LEAST_SLOPE = 0.05
LEAST_CHANCE = 0.02
DRAWS = 500


def choose_audit(issues: Judged, n: int) -> np.ndarray:
    """Choose rows for a person to look at.

    Parameters
    ----------
    issues : LabelIssues or RegressionIssues
    n : int
        At least 1; all labelled rows when there are fewer.

    Returns
    -------
    ndarray of int64, shape (min(n, labelled rows),)
        Positions, most suspicious first.
    """
    if n < 1:
        raise InputError(f"`n` must be at least 1, got {n}.")
    rows = np.flatnonzero(issues.judged)
    rows = rows[np.argsort(issues.scores[rows], kind="stable")]
    if len(rows) <= n:
        return rows
    scores = issues.scores[rows]
    weights = np.sqrt(scores * (1 - scores)) + LEAST_CHANCE
    # Systematic sampling: equal steps along the cumulated weight. No row weighs more than a step
    # after it is capped, so none is chosen twice.
    for _ in range(20):
        weights = np.minimum(weights, weights.sum() / n)
    cumulated = np.cumsum(weights)
    steps = (np.arange(n) + 0.5) * cumulated[-1] / n
    at = np.unique(np.minimum(np.searchsorted(cumulated, steps), len(rows) - 1))
    rest = np.setdiff1d(np.arange(len(rows)), at)[: n - len(at)]
    return np.asarray(rows[np.sort(np.concatenate([at, rest]))])


def calibrate(issues: Found, rows: np.ndarray, is_error: np.ndarray) -> Found:
    """Recalibrate scores, flags and the noise rate from audited rows.

    Parameters
    ----------
    issues : LabelIssues or RegressionIssues
    rows : array of str, shape (m,)
        Ids of rows that were looked at, each once.
    is_error : array of bool, shape (m,)
        Whether the given label is wrong.

    Returns
    -------
    LabelIssues or RegressionIssues
        Audited rows have the score 0 or 1. Flagged are the rows that make the expected F1 highest.
        The noise rate has a 95 % interval.
    """
    positions = _positions(issues, rows)
    wrong = np.asarray(is_error).astype(bool)
    if wrong.shape != positions.shape:
        raise InputError(f"There are {len(positions)} audited rows, but {wrong.size} answers.")
    logits = logit(1 - issues.scores)
    center, covariance = fit_curve(logits[positions], wrong)
    judged = issues.judged
    errors = np.where(judged, sigmoid(center[0] + center[1] * logits), 0.0)
    errors[positions] = wrong
    scores = 1 - errors
    threshold = flag_threshold(errors[judged])
    flagged = judged & (scores < threshold)
    return replace(
        issues,
        scores=scores,
        flagged=flagged,
        threshold=threshold,
        noise_rate=_noise_rate(logits, judged, center, covariance),
        expected_precision=expected_precision(scores, flagged),
        method=f"{issues.method}; calibrated on {len(positions)} audited rows",
    )


def fit_curve(logits: np.ndarray, wrong: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit intercept and slope by Newton's method; return them and their covariance (Laplace)."""
    X = np.stack([np.ones(len(logits)), logits], axis=1)
    precision = np.diag(1 / PRIOR_DEVIATION**2)
    center = PRIOR_MEAN.copy()
    for _ in range(50):
        p = sigmoid(X @ center)
        gradient = X.T @ (wrong - p) - precision @ (center - PRIOR_MEAN)
        hessian = X.T @ (X * (p * (1 - p))[:, None]) + precision
        step = np.linalg.solve(hessian, gradient)
        center = center + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-8:
            break
    center[1] = max(center[1], LEAST_SLOPE)
    return center, np.linalg.inv(hessian)


def _noise_rate(
    logits: np.ndarray, judged: np.ndarray, center: np.ndarray, covariance: np.ndarray
) -> NoiseRate:
    if not judged.any():
        return NoiseRate(0.0, 0.0, 1.0)
    draws = np.random.default_rng(0).multivariate_normal(center, covariance, size=DRAWS)
    # A few thousand quantiles of the logits stand for all rows.
    points = np.quantile(logits[judged], np.linspace(0, 1, min(2001, 2 * judged.sum() + 1)))
    rates = sigmoid(draws[:, :1] + np.maximum(draws[:, 1:], LEAST_SLOPE) * points).mean(axis=1)
    low, high = np.quantile(rates, [0.025, 0.975])
    estimate = float(sigmoid(center[0] + center[1] * logits[judged]).mean())
    return NoiseRate(estimate, min(float(low), estimate), max(float(high), estimate))


def _positions(issues: Judged, rows: np.ndarray) -> np.ndarray:
    position = {row_id: at for at, row_id in enumerate(issues.row_ids.tolist())}
    ids = text_array(rows).tolist()
    unknown = [row_id for row_id in ids if row_id not in position]
    if unknown:
        raise InputError(f"Audited rows that are not known: {', '.join(unknown[:5])}.")
    if len(set(ids)) != len(ids):
        raise InputError("An audited row is given more than once.")
    return np.array([position[row_id] for row_id in ids], dtype=np.int64)
