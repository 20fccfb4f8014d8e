"""Confident learning: counting wrong labels with per-class thresholds.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels" (2021).
The results equal those of cleanlab 2.9, to which the tests compare, ties included; it is offered
for comparison, not as the default. Costs O(n K).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.errors import check_choice

FILTERS = ("prune_by_noise_rate", "prune_by_class", "both", "confident_learning", "argmax")
# A probability counts as confident when it is this close to its threshold, and a prediction as the
# given label when it is this close to the highest.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class ConfidentJoint:
    """How often rows with one label are confidently of another class.

    Attributes
    ----------
    counts : ndarray of int64, shape (K, K)
        Row: given label; column: class. With calibration the rows sum to the label counts.
    off_diagonal : ndarray of int64, shape (m,)
        Positions of the rows that are confidently of another class.
    """

    counts: np.ndarray
    off_diagonal: np.ndarray


def confident_thresholds(labels: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Return each class's mean probability among the rows with its label; 2 for unused classes."""
    own = probs[np.arange(len(labels)), labels]
    return thresholds_from(labels, own, probs.shape[1])


def thresholds_from(labels: np.ndarray, own: np.ndarray, num_classes: int) -> np.ndarray:
    """Return the thresholds, given the probability of each row's own label, shape (n,)."""
    thresholds = [
        own[labels == k].mean() if (labels == k).any() else 2.0 for k in range(num_classes)
    ]
    return np.asarray(np.maximum(thresholds, 2 * TOLERANCE))


def confident_joint(
    labels: np.ndarray, probs: np.ndarray, *, calibrate: bool = True
) -> ConfidentJoint:
    """Count confident rows by label and class.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
    probs : ndarray of float, shape (n, K)
        Out-of-sample probabilities.
    calibrate : bool
        Scale the rows to the number of labels of each class.
    """
    counts, off_diagonal = count_confident(labels, probs, confident_thresholds(labels, probs))
    label_counts = np.bincount(labels, minlength=probs.shape[1]) if calibrate else None
    return ConfidentJoint(joint_from(counts, label_counts), np.flatnonzero(off_diagonal))


def count_confident(
    labels: np.ndarray, probs: np.ndarray, thresholds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Count some of the rows, for given thresholds.

    Returns
    -------
    counts : ndarray of int64, shape (K, K)
        Can be summed over parts of the rows.
    off_diagonal : ndarray of bool, shape (n,)
    """
    num_classes = probs.shape[1]
    confident = probs >= thresholds - TOLERANCE
    several = confident.sum(axis=1) > 1
    guess = np.where(several, probs.argmax(axis=1), confident.argmax(axis=1))
    any_confident = confident.any(axis=1)
    pairs = labels[any_confident] * num_classes + guess[any_confident]
    counts = np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)
    return counts, any_confident & (guess != labels)


def joint_from(counts: np.ndarray, label_counts: np.ndarray | None) -> np.ndarray:
    """Make the joint, shape (K, K), of the counts of all rows; calibrated to `label_counts`."""
    counts = counts.copy()
    np.fill_diagonal(counts, np.maximum(counts.diagonal(), 1))
    return counts if label_counts is None else calibrate_joint(counts, label_counts)


def calibrate_joint(counts: np.ndarray, label_counts: np.ndarray) -> np.ndarray:
    """Scale the rows of a joint, shape (K, K), to the label counts, in whole numbers."""
    scaled = (counts.T / np.maximum(counts.sum(axis=1), 1e-100) * label_counts).T
    scaled = scaled / max(scaled.sum(), 1e-100) * label_counts.sum()
    return _round_rows(scaled)


def count_label_issues(labels: np.ndarray, probs: np.ndarray) -> int:
    """Return the estimated number of wrong labels: the confident rows off the diagonal."""
    return int(confident_filter(labels, probs, by="confident_learning").sum())


def confident_filter(
    labels: np.ndarray,
    probs: np.ndarray,
    *,
    by: str = "prune_by_noise_rate",
    fewest_per_class: int = 1,
) -> np.ndarray:
    """Flag wrong labels.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
    probs : ndarray of float, shape (n, K)
    by : str
        ``"prune_by_noise_rate"``: as many rows for each pair of label and class as the joint has,
        by margin; ``"prune_by_class"``: as many for each label, by its probability; ``"both"``: in
        both; ``"confident_learning"``: off the diagonal; ``"argmax"``: another class is likelier.
    fewest_per_class : int
        Classes with at most this many rows are left alone.

    Returns
    -------
    ndarray of bool, shape (n,)
        Never a row whose given label is the most probable class.
    """
    check_choice("by", by, FILTERS)
    disagree = given_is_not_top(labels, probs)
    if by == "argmax":
        return disagree
    joint = confident_joint(labels, probs)
    if by == "confident_learning":
        flagged = np.zeros(len(labels), dtype=bool)
        flagged[joint.off_diagonal] = True
        return np.asarray(flagged & disagree)
    prune = prune_counts(joint.counts, fewest_per_class)
    flagged = np.ones(len(labels), dtype=bool)
    if by in ("prune_by_class", "both"):
        flagged &= _prune_by_class(labels, probs, prune, fewest_per_class)
    if by in ("prune_by_noise_rate", "both"):
        flagged &= _prune_by_pair(labels, probs, prune, fewest_per_class)
    return np.asarray(flagged & disagree)


def given_is_not_top(labels: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Return the rows for which another class than the given label is likelier; bool, (n,)."""
    lifted = probs.copy()
    lifted[np.arange(len(labels)), labels] += TOLERANCE
    return np.asarray(lifted.argmax(axis=1) != labels)


def prune_counts(joint: np.ndarray, fewest: int = 1) -> np.ndarray:
    """Return how many rows to prune, classes × labels, leaving `fewest` on the diagonal."""
    prune = joint.T.astype(np.float64)
    kept = np.maximum(prune.diagonal(), fewest)
    taken = kept - prune.diagonal()
    sources = np.maximum(np.count_nonzero(prune, axis=0) - 1.0, 1.0)
    prune = np.maximum(prune - taken / sources, 0)
    np.fill_diagonal(prune, kept)
    return _round_rows(prune.astype(np.int64))


def _prune_by_class(
    labels: np.ndarray, probs: np.ndarray, prune: np.ndarray, fewest: int
) -> np.ndarray:
    flagged = np.zeros(len(labels), dtype=bool)
    for k in range(probs.shape[1]):
        rows = np.flatnonzero(labels == k)
        number = len(rows) - prune[k, k]
        if len(rows) > fewest and number >= 1:
            flagged[rows[np.argsort(probs[rows, k], kind="stable")[:number]]] = True
    return flagged


def _prune_by_pair(
    labels: np.ndarray, probs: np.ndarray, prune: np.ndarray, fewest: int
) -> np.ndarray:
    flagged = np.zeros(len(labels), dtype=bool)
    for k in range(probs.shape[1]):
        rows = np.flatnonzero(labels == k)
        if len(rows) <= fewest:
            continue
        of_label = probs[rows]
        for j in np.flatnonzero(prune[:, k] > 0):
            if j != k:
                flagged[rows[largest_margins(of_label[:, j], of_label[:, k], prune[j, k])]] = True
    return flagged


def largest_margins(other: np.ndarray, given: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the `count` rows whose `other` exceeds `given` by most."""
    return np.asarray(np.argsort(-(other - given), kind="stable")[:count])


def _round_rows(matrix: np.ndarray) -> np.ndarray:
    """Round to whole numbers so that each row keeps its rounded sum."""
    return np.stack([_round_keeping_sum(row) for row in np.asarray(matrix, dtype=np.float64)])


def _round_keeping_sum(values: np.ndarray) -> np.ndarray:
    rounded = values.round()
    goal = values.sum().round()
    while abs(rounded.sum() - goal) > TOLERANCE:
        missing = goal - rounded.sum()
        step = -1 if missing < 0 else 1
        number = min(int(abs(missing)), len(values))
        rounded[np.argsort(values - rounded, kind="stable")[::-step][:number]] += step
    return rounded.astype(np.int64)
