"""What a detector's boxes say of labeled ones: pairs, matches, and how far each is to be trusted.

How often a detector is right at a confidence is learnt from the set itself, most of whose labels
are right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.detection.detection_set import DetectionSet
from thresher.core.detection.predictions import Predictions
from thresher.core.numerics.ragged import place_in_group

from .overlaps import areas, pair_overlap

PAIRS = 2**20
TOUCH, MATCH = 0.1, 0.5
# Ridge of the fits, in units of one row.
RIDGE = 1.0


@dataclass(frozen=True)
class Contacts:
    """Labeled and predicted boxes of one image that touch: positions, and overlap (IoU)."""

    label: np.ndarray
    prediction: np.ndarray
    overlap: np.ndarray


def contacts(dataset: DetectionSet, predictions: Predictions, labels: np.ndarray) -> Contacts:
    """Return all pairs of the labeled boxes `labels` and predictions with an overlap ≥ 0.1."""
    counts = predictions.counts(len(dataset))
    starts = np.cumsum(counts) - counts
    many = counts[dataset.image_of[labels]]
    edges = np.cumsum(many)
    parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    start = 0
    while start < len(labels):
        held = edges[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(edges, held + PAIRS, side="right")))
        block = labels[start:stop]
        left = np.repeat(block, many[start:stop])
        right = np.repeat(starts[dataset.image_of[block]], many[start:stop])
        right = predictions.order[right + place_in_group(many[start:stop])]
        overlap = pair_overlap(dataset.boxes[left], predictions.boxes[right])
        near = overlap >= TOUCH
        parts.append((left[near], right[near], overlap[near]))
        start = stop
    return Contacts(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def matched(
    pairs: Contacts, same: np.ndarray, scores: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Return the place in `pairs` of each label's own prediction, int64, shape (m,); −1: none.

    Each prediction goes to one box: pairs of one class first, then by overlap and confidence.
    """
    worth = pairs.overlap + same + 0.1 * scores[pairs.prediction]
    order = np.argsort(-worth, kind="stable")
    order = order[pairs.overlap[order] >= MATCH]
    found = np.full(shape[0], -1)
    taken = np.zeros(shape[1], bool)
    labels, predictions = pairs.label[order].tolist(), pairs.prediction[order].tolist()
    for place, label, prediction in zip(order.tolist(), labels, predictions, strict=True):
        if found[label] < 0 and not taken[prediction]:
            found[label] = place
            taken[prediction] = True
    return found


def logistic(features: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the coefficients of a logistic regression with an intercept, by Newton's method.

    Parameters
    ----------
    features : ndarray of float64, shape (n, d)
    right : ndarray of bool, shape (n,)
    """
    design = np.column_stack([np.ones(len(features)), features])
    beta = np.zeros(design.shape[1])
    for _ in range(30):
        chance = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        weight = chance * (1 - chance)
        slope = design.T @ (right - chance) - RIDGE * beta
        curve = (design * weight[:, None]).T @ design + RIDGE * np.eye(len(beta))
        step = np.linalg.solve(curve, slope)
        beta += step
        if np.abs(step).max() < 1e-8:
            break
    return beta


def chance_of(beta: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return what a fit of `logistic` says of rows, shape (n,)."""
    return np.asarray(1 / (1 + np.exp(-np.clip(beta[0] + features @ beta[1:], -30, 30))))


def log_odds(scores: np.ndarray) -> np.ndarray:
    """Return confidences as log-odds, finite also for 0 and 1."""
    inside = np.clip(scores, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(inside / (1 - inside)))


def trust(scores: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, float]:
    """Return how likely predictions are right, as if no label were wrong; and the labels' share.

    A prediction of the highest confidence is right but for the labels: what lacks to 1 there is
    theirs.

    Parameters
    ----------
    scores : ndarray of float64, shape (p,)
    right : ndarray of bool, shape (p,)
        Whether the labels agree.

    Returns
    -------
    ndarray of float64, shape (p,)
    float
        Share of wrong labels, between 0.2 and 30 %.
    """
    if not len(scores):
        return np.zeros(0), 0.05
    beta = logistic(log_odds(scores)[:, None], right)
    agree = chance_of(beta, log_odds(scores)[:, None])
    surest = scores >= np.quantile(scores, 0.9)
    # As if 20 more had been seen, of which one in 20 is wrong: a small set may show none by chance.
    wrong = float(np.clip(((~right[surest]).sum() + 1) / (surest.sum() + 20), 0.002, 0.3))
    return np.minimum(agree / max(1 - wrong, agree.max()), 0.999), wrong


def posterior(trusted: np.ndarray, share: float) -> np.ndarray:
    """Return how likely a label is wrong that a prediction contradicts.

    Either the label is wrong and the prediction right, or the prediction is wrong.
    """
    wrong = trusted * share
    return np.asarray(wrong / (wrong + (1 - trusted) * (1 - share)))


def log_size(boxes: np.ndarray) -> np.ndarray:
    """Return the logarithm of the side of a square of each box's area."""
    return np.asarray(0.5 * np.log(np.maximum(areas(boxes), 1e-6)))
