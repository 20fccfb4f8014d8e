"""Evidence from training dynamics: how a network's margin for the given label went.

The area under the margin (Pleiss et al., "Identifying Mislabeled Data using the Area Under the
Margin Ranking", 2020) is the mean over the epochs of the logit of the given label minus the largest
other one; it stays low for labels that the rest of the data speaks against.

What a margin says about an error is learnt from the other evidence, as a logistic curve fitted to
its probabilities, and the two are then taken as independent. Alone, the margins are split into two
normal distributions (Arazo et al., 2019, do so with losses). Costs O(n · epochs).
"""

from __future__ import annotations

import numpy as np

from thresher.core.errors import InputError

from .odds import logit, sigmoid
from .training_record import Record, read_record

ROUNDS = 60


def area_under_margin(dynamics: Record, row_ids: np.ndarray) -> np.ndarray:
    """Return the mean margin of each of `row_ids`, float64, NaN for a row that was not trained on.

    Raises
    ------
    InputError
        When the file is missing or damaged, lacks an array, repeats a row, holds an infinite
        margin, or knows none of the rows.
    """
    ids, margins = read_record(dynamics, "margins")
    if len(np.unique(ids)) != len(ids):
        raise InputError("The training dynamics hold a row id more than once.")
    if np.isinf(margins).any():
        raise InputError(
            "The training dynamics hold infinite margins: the training diverged, or float16 "
            "overflowed. Train again with a lower learning rate."
        )
    known = np.isfinite(margins)
    sums, counts = np.where(known, margins, 0).sum(axis=1, dtype=np.float64), known.sum(axis=1)
    mean = np.divide(sums, counts, out=np.full(len(ids), np.nan), where=counts > 0)
    value_of = dict(zip(ids.tolist(), mean.tolist(), strict=True))
    found = np.array([value_of.get(row_id, np.nan) for row_id in row_ids.tolist()], dtype=float)
    if len(found) and np.isnan(found).all():
        raise InputError(
            "The training dynamics hold none of these rows. Give the `row_ids` that the training "
            f"used, such as {ids[0]!r}."
            if len(ids)
            else "The training dynamics hold no rows."
        )
    return found


def add_margins(log_odds: np.ndarray, margins: np.ndarray) -> np.ndarray:
    """Join log-odds of an error, shape (n,), with what the mean margins say.

    Parameters
    ----------
    log_odds : ndarray of float64, shape (n,)
        From other evidence.
    margins : ndarray of float64, shape (n,)
        NaN leaves a row as it is.
    """
    known = np.isfinite(margins)
    if not known.any() or np.ptp(margins[known]) == 0:
        return log_odds
    errors = sigmoid(log_odds[known])
    said = _soft_logistic(_standard(margins[known]), errors)
    joined = log_odds.copy()
    joined[known] += said - logit(errors.mean())
    return joined


def split_margins(margins: np.ndarray) -> np.ndarray:
    """Return the log-odds that each margin, shape (n,), is of the lower of two distributions.

    NaN, and margins that are all equal, give −∞: surely not.
    """
    log_odds = np.full(len(margins), -np.inf)
    known = np.isfinite(margins)
    if not known.any() or np.ptp(margins[known]) == 0:
        return log_odds
    x = _standard(margins[known])
    lower = -4 * (x + 1)
    for _ in range(ROUNDS):
        weights = sigmoid(lower)
        logs = [_log_normal(x, weight) for weight in (weights, 1 - weights)]
        lower = logs[0] - logs[1]
    # Between two normal curves of unequal width the wider wins at both ends; highest is never bad.
    order = np.argsort(x, kind="stable")
    lower[order] = np.minimum.accumulate(lower[order])
    log_odds[known] = lower
    return log_odds


def _log_normal(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    total = weights.sum() + 1e-9
    mean = (weights @ x) / total
    variance = (weights @ (x - mean) ** 2) / total + 1e-3
    share = np.log(total / len(x) + 1e-12)
    return np.asarray(share - 0.5 * np.log(variance) - (x - mean) ** 2 / (2 * variance))


def _soft_logistic(x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Fit a logistic curve, falling in `x`, to probabilities, by Newton's method: its log-odds."""
    X = np.stack([np.ones_like(x), x], axis=1)
    weights = np.zeros(2)
    for _ in range(ROUNDS):
        p = sigmoid(X @ weights)
        hessian = X.T @ (X * (p * (1 - p))[:, None]) + np.eye(2)
        weights = weights + np.linalg.solve(hessian, X.T @ (target - p) - weights)
    weights[1] = min(weights[1], 0.0)
    return np.asarray(X @ weights)


def _standard(values: np.ndarray) -> np.ndarray:
    return np.asarray((values - values.mean()) / values.std())
