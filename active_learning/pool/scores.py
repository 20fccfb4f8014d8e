"""Uncertainty of predictions, from probabilities alone. Every score is higher = more uncertain.

Each costs one pass over the probabilities.
"""

from __future__ import annotations

import numpy as np

BLOCK_VALUES = 1 << 21
COLUMN_VALUES = 1 << 17


def least_confidence(pred_probs: np.ndarray) -> np.ndarray:
    """Return one minus the largest probability of each row, shape (n,) (Lewis and Gale, 1994)."""
    return np.asarray(1.0 - pred_probs.max(axis=1).astype(np.float64))


def margin_uncertainty(pred_probs: np.ndarray) -> np.ndarray:
    """Return one minus the gap between the two largest probabilities, shape (n,).

    After Scheffer et al. (2001). With a single class every score is 0.
    """
    if pred_probs.shape[1] < 2:
        return np.zeros(len(pred_probs))
    result = np.empty(len(pred_probs))
    step = max(1, COLUMN_VALUES // pred_probs.shape[1])
    for start in range(0, len(pred_probs), step):
        # Class by class over a block that the cache holds: a maximum of each short row is slow.
        columns = np.ascontiguousarray(pred_probs[start : start + step].T)
        first, second = np.maximum(*columns[:2]), np.minimum(*columns[:2])
        for column in columns[2:]:
            np.maximum(second, np.minimum(first, column), out=second)
            np.maximum(first, column, out=first)
        result[start : start + step] = 1.0 - (first.astype(np.float64) - second)
    return result


def entropy(pred_probs: np.ndarray) -> np.ndarray:
    """Return the Shannon entropy of each row in nats, shape (n,)."""
    result = np.empty(len(pred_probs))
    step = max(1, BLOCK_VALUES // max(1, pred_probs.shape[1]))
    for start in range(0, len(pred_probs), step):
        block = pred_probs[start : start + step].astype(np.float64)
        result[start : start + step] = -np.sum(block * np.log(np.maximum(block, 1e-30)), axis=1)
    return result


def mutual_information(ensemble_probs: np.ndarray) -> np.ndarray:
    """Return BALD: entropy of the mean minus mean entropy over k models, in nats, shape (n,).

    After Houlsby et al. (2011). Input shape (k, n, c); rounding below 0 is cut off.
    """
    expected = np.mean([entropy(member) for member in ensemble_probs], axis=0)
    return np.asarray(np.maximum(entropy(ensemble_probs.mean(axis=0)) - expected, 0.0))


def vote_entropy(ensemble_probs: np.ndarray) -> np.ndarray:
    """Return the entropy of the members' votes in nats, shape (n,) (Dagan and Engelson, 1995)."""
    members, n, classes = ensemble_probs.shape
    votes = np.zeros((n, classes), dtype=np.float32)
    for member in ensemble_probs:
        votes[np.arange(n), member.argmax(axis=1)] += 1.0
    return entropy(votes / members)
