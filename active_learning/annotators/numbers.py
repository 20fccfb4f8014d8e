"""One number for each row from several annotators' numbers: a robust weighted mean.

Each annotator has a bias and a spread of their own, found together with the rows' values by turns
(as Dawid and Skene, 1979, for classes). Answers far off count less (Huber, 1964), and annotators
with few answers are kept near the crowd.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from thresher.core.answer_table import AnswerTable
from thresher.core.text_arrays import text_array

from .classes import RELIABILITY, Consensus

ROUNDS = 30
FAR = 2.0  # standard deviations from which on an answer counts less
KEPT = 3.0  # answers' worth of the crowd in each annotator's bias and spread


def number_consensus(
    opinions: AnswerTable,
    values: np.ndarray,
    *,
    encode: Callable[[float], str],
    method: str = "auto",
) -> Consensus:
    """Find one number for each row.

    Parameters
    ----------
    opinions : AnswerTable
    values : ndarray of float64, shape (v,)
        The number of each answer.
    encode : callable
        Makes the label of a row from its number.
    method : {"auto", "median"}
        ``"auto"`` is the robust weighted mean; both are the same where each row has one answer.

    Returns
    -------
    Consensus
        ``scores`` are reliabilities: one minus the error variance
        of a row over the variance of all rows. ``annotator_quality`` is the same for one answer of
        each annotator. ``probs`` is empty.
    """
    medians = np.array([np.median(values[places]) for places in opinions.by_row()])
    found, variance, weight = _weighted(opinions, values, medians)
    if method == "median":
        found = medians
    total = max(float(found.var()), 1e-300)
    certain = 1.0 / np.maximum(np.bincount(opinions.rows, weights=weight), 1e-300)
    return Consensus(
        opinions.row_ids,
        text_array([encode(value) for value in found.tolist()]),
        np.clip(1.0 - certain / (certain + total), 0.0, 1.0),
        np.empty((len(found), 0)),
        opinions.names,
        np.asarray(total / (total + variance)),
        opinions.answers(),
        (),
        "median" if method == "median" else "weighted mean",
        scores_are=RELIABILITY,
    )


def _weighted(
    opinions: AnswerTable, values: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values (n,), each annotator's variance (a,), and the weight of each answer (v,)."""
    rows, people, a = opinions.rows, opinions.annotators, len(opinions.names)
    shared = (np.bincount(rows)[rows] > 1).astype(np.float64)
    number = np.bincount(people, weights=shared, minlength=a)
    found, bias = start, np.zeros(a)
    weight = np.ones(len(values))
    # A row with two answers holds half of its own error: this makes up for it.
    lost = 1.0 - 1.0 / np.bincount(rows)[rows]
    variance = np.ones(a)
    for _ in range(ROUNDS):
        residual = values - bias[people] - found[rows]
        size = np.sqrt(variance[people])
        trust = np.minimum(1.0, FAR * size / np.maximum(np.abs(residual), 1e-300))
        squared = shared * trust * residual**2 / np.maximum(lost, 0.5)
        crowd = max(float(squared.sum() / max(number.sum(), 1.0)), 1e-12)
        own = np.bincount(people, weights=squared, minlength=a)
        variance = (own + KEPT * crowd) / (number + KEPT)
        offset = np.bincount(
            people, weights=shared * trust * (residual + bias[people]), minlength=a
        )
        bias = offset / (number + KEPT)
        bias = bias - np.average(bias, weights=number + 1e-9)
        weight = trust / variance[people]
        total = np.bincount(rows, weights=weight)
        found = np.bincount(rows, weights=weight * (values - bias[people])) / total
    return found, variance, weight
