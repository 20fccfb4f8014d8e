"""Let a person look at few rows, and learn from them how far the scores are to be trusted.

The rows are spread along the scores in proportion to the uncertainty √(p(1 − p)) (Neyman, 1934).
The answers fit a logistic curve from the estimated to the true probability of an error (Platt,
1999), held near the identity by what is known of it before, so that ten answers already help and
fifty suffice. Since rows are chosen by their score alone, the curve needs no weights. The curve
rises, so that no two rows change places but for those that were looked at.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.text_arrays import text_array

from .curve import (
    DOUBT,
    LEAST_SLOPE,
    decide,
    seen_from,
    stated_log_odds,
    stated_precision,
    still_none_wrong,
)
from .odds import in_order_of, sigmoid


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
    def doubt(self) -> np.ndarray | None:
        """Covariance of intercept and slope of the curve, shape (2, 2), where it is known."""

    @property
    def none_wrong(self) -> float:
        """Probability that no label at all is wrong."""

    @property
    def method(self) -> str:
        """How it was found."""


Found = TypeVar("Found", bound=Judged)

LEAST_CHANCE = 0.02


def choose_audit(issues: Judged, n: int) -> np.ndarray:
    """Choose rows for a person to look at.

    Parameters
    ----------
    issues : LabelIssues or RegressionIssues
    n : int
        At least 1; all labeled rows when there are fewer.

    Returns
    -------
    ndarray of int64, shape (min(n, labeled rows),)
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
        raise InputError(
            f"There are {counted(len(positions), 'audited row')}, but "
            f"{counted(wrong.size, 'answer')}."
        )
    before = DOUBT if issues.doubt is None else issues.doubt
    log_odds = stated_log_odds(issues.scores)
    line, covariance = fit_curve(log_odds[positions], wrong, before)
    judged = issues.judged
    right = in_order_of(sigmoid(-line[0] - line[1] * log_odds), issues.scores)
    scores = np.where(judged, right, 1.0)
    scores[positions] = 1.0 - wrong
    doubt = seen_from(line, covariance)
    # Answers tell more of the flags than signs do: 1 % of wrong labels is mostly not among 50 rows.
    decision = decide(scores[judged], doubt)
    flagged = judged & (scores < decision.threshold)
    flagged[positions] = wrong
    none_wrong = 0.0
    if not wrong.any():
        still = still_none_wrong(log_odds[positions], before, issues.none_wrong)
        none_wrong = decision.reaches_none * still
    expected, least = stated_precision(scores, flagged, doubt, none_wrong=none_wrong)
    rate = decision.noise_rate
    return replace(
        issues,
        scores=scores,
        flagged=flagged,
        threshold=decision.threshold,
        noise_rate=replace(rate, estimate=(1 - none_wrong) * rate.estimate),
        expected_precision=expected,
        least_precision=least,
        doubt=doubt,
        none_wrong=none_wrong,
        method=f"{issues.method}; calibrated on {counted(len(positions), 'audited row')}",
    )


def fit_curve(
    log_odds: np.ndarray, wrong: np.ndarray, before: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fit intercept and slope by Newton's method; return them and their covariance (Laplace).

    `before` is their covariance, shape (2, 2), about 0 and 1 without any answer.
    """
    X = np.stack([np.ones(len(log_odds)), log_odds], axis=1)
    precision, start = np.linalg.inv(before), np.array([0.0, 1.0])
    center = start.copy()
    for _ in range(100):
        p = sigmoid(X @ center)
        gradient = X.T @ (wrong - p) - precision @ (center - start)
        hessian = X.T @ (X * (p * (1 - p))[:, None]) + precision
        step = np.linalg.solve(hessian, gradient)
        center = center + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-8:
            break
    center[1] = max(center[1], LEAST_SLOPE)
    return center, np.linalg.inv(hessian)


def _positions(issues: Judged, rows: np.ndarray) -> np.ndarray:
    position = {row_id: at for at, row_id in enumerate(issues.row_ids.tolist())}
    ids = text_array(rows).tolist()
    unknown = [row_id for row_id in ids if row_id not in position]
    if unknown:
        raise InputError(f"Audited rows that are not known: {', '.join(unknown[:5])}.")
    if len(set(ids)) != len(ids):
        raise InputError("An audited row is given more than once.")
    return np.array([position[row_id] for row_id in ids], dtype=np.int64)
