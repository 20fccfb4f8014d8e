"""From class probabilities to the log-odds that a given label is wrong.

Model: the class of row x is k with probability ``q_k(x) ∝ p_k(x)^a``, or none of the classes with
one that stands for a flat `p`; its label is then right, or with the rate ``r₁`` any other class by
its share, or with the rate ``r₂`` a class that is often confused with k. The rates are fitted by
expectation maximization (Dempster, Laird and Rubin, 1977). Where the evidence is good and rows that
took no part become surely likelier by it, each class has rates of its own: a matrix of transitions,
drawn to the two rates (Patrini et al., 2017, take such a matrix from anchor points).

The power a is the same for all. Fitted by likelihood it comes out near one with models that have
learnt the noise, so that nothing seems wrong, and near twenty with models that noise has made flat,
so that each disagreement seems certain. On 265 noisy sets the order of the rows is the same for any
from two to five. What the log-odds are worth is learnt elsewhere (`signs`, `audit`). Costs
O(n K²) time on at most `FIT_CELLS` probabilities, then O(n K).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from thresher.core.numerics.softmax import softmax

from .odds import sigmoid

SHARPNESS = 3.0
# What a probability is compared with where the row may be of none of the classes.
NONE = 0.1
# Keeps the log of zeros finite: (p / LEAST) ** SHARPNESS stays far inside float64.
LEAST = 1e-7
FIT_CELLS = 1_000_000
STEPS, MATRIX_STEPS = 40, 12
# Rows that the two rates weigh as much as, for each class of the matrix.
PRIOR_ROWS = 20.0
# Gain of the mean log-likelihood of other rows, and accuracy of the evidence, from which on each
# class has rates of its own: on 25 noisy sets that have both, the average precision rises by .005
# and falls by .003 at most; without the second condition it falls by .010 on average.
LEAST_GAIN, GOOD_ACCURACY = 0.02, 0.8


@dataclass(frozen=True)
class NoiseModel:
    """How labels go wrong, as fitted to out-of-sample probabilities.

    Attributes
    ----------
    transition : ndarray of float64, shape (K + 1, K)
        Row k: probability of each label where the class is k; the last row where it is none.
    rate : float
        Share of wrong labels by the two rates: high where evidence is weak, as hard rows look wrong
        too.
    """

    transition: np.ndarray
    rate: float


def fit_noise_model(probs: np.ndarray, labels: np.ndarray, *, accuracy: float = 0.0) -> NoiseModel:
    """Fit the two rates, and a matrix where it is sure to explain more.

    Parameters
    ----------
    probs : ndarray of float, shape (n, K)
        Out-of-sample probabilities.
    labels : ndarray of int, shape (n,)
        Codes from 0.
    accuracy : float
        On which share of the rightly labeled rows the evidence is thought to be right.
    """
    stride = max(1, probs.size // FIT_CELLS)
    order = np.argsort(labels[::stride], kind="stable")
    given, some = labels[::stride][order], probs[::stride][order]
    classes = class_probabilities(some)
    simple = _two_rates(classes, given, _confusion(some), _shares(labels, probs.shape[1]))
    if accuracy <= GOOD_ACCURACY:
        return simple
    even = np.arange(len(given)) % 2 == 0
    half = _with_matrix(classes[even], given[even], simple)
    gain = _log_likelihood(classes[~even], given[~even], half) - _log_likelihood(
        classes[~even], given[~even], simple
    )
    return _with_matrix(classes, given, simple) if gain > LEAST_GAIN else simple


def error_log_odds(probs: np.ndarray, labels: np.ndarray, model: NoiseModel) -> np.ndarray:
    """Return for each row the log-odds that its label is wrong, float64, shape (n,)."""
    found = np.empty(len(labels))
    block = max(1, FIT_CELLS // probs.shape[1])
    for start in range(0, len(labels), block):
        span = slice(start, start + block)
        right, wrong = _ways(class_probabilities(probs[span]), labels[span], model.transition)
        found[span] = np.log(wrong) - np.log(right)
    return found


def class_probabilities(probs: np.ndarray) -> np.ndarray:
    """Return q, shape (n, K + 1): of each class, and of none of them."""
    logs = np.full((len(probs), probs.shape[1] + 1), SHARPNESS * np.log(NONE))
    logs[:, :-1] = SHARPNESS * np.log(probs + LEAST, dtype=np.float64)
    return softmax(logs)


def sharpened(probs: np.ndarray) -> np.ndarray:
    """Raise probabilities, shape (n, K), to the power of the model and let them sum to one."""
    return softmax(SHARPNESS * np.log(probs + LEAST, dtype=np.float64))


def _ways(
    classes: np.ndarray, labels: np.ndarray, transition: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of each label as a right and as a wrong one, both above 0.

    The second is summed over the other classes: one minus the first would lose all digits.
    """
    rows = np.arange(len(labels))
    joint = classes * transition.T[labels]
    right = joint[rows, labels].copy()
    joint[rows, labels] = 0
    return right + 1e-300, joint.sum(axis=1) + 1e-300


def _two_rates(
    classes: np.ndarray, labels: np.ndarray, confusion: np.ndarray, shares: np.ndarray
) -> NoiseModel:
    """Fit the rates by which a label is any other class, or one that is often confused."""
    num_classes = len(shares)
    right = np.zeros((num_classes + 1, num_classes))
    np.fill_diagonal(right, 1.0)
    anything = np.append(shares / np.maximum(1 - shares, 1e-12)[:, None], shares[None], axis=0)
    np.fill_diagonal(anything, 0.0)
    confused = np.append(confusion, np.zeros((1, num_classes)), axis=0)
    truly, _ = _ways(classes, labels, right)
    by_share, by_likeness = (_ways(classes, labels, way)[1] for way in (anything, confused))
    rate_any = rate_confused = 0.05
    for _ in range(STEPS):
        parts = rate_any * by_share, rate_confused * by_likeness
        total = parts[0] + parts[1] + (1 - rate_any - rate_confused) * truly
        rate_any, rate_confused = (float((part / total).mean()) for part in parts)
    transition = rate_any * anything + rate_confused * confused
    transition += (1 - rate_any - rate_confused) * right
    return NoiseModel(np.maximum(transition, 1e-12), rate_any + rate_confused)


def _with_matrix(classes: np.ndarray, labels: np.ndarray, simple: NoiseModel) -> NoiseModel:
    """Fit a row of transitions for each class, drawn to the two rates; `labels` ascend."""
    start = simple.transition
    prior = PRIOR_ROWS * start[:-1] / start[:-1].sum(axis=1, keepdims=True)
    codes, first = np.unique(labels, return_index=True)
    transition = start.copy()
    for _ in range(MATRIX_STEPS):
        joint = classes * transition.T[labels]
        joint /= joint.sum(axis=1, keepdims=True)
        counts = prior.copy()
        counts[:, codes] += np.add.reduceat(joint[:, :-1], first, axis=0).T
        transition[:-1] = counts / counts.sum(axis=1, keepdims=True)
    return replace(simple, transition=transition)


def _log_likelihood(classes: np.ndarray, labels: np.ndarray, model: NoiseModel) -> float:
    if not len(labels):
        return 0.0
    right, wrong = _ways(classes, labels, model.transition)
    return float(np.log(right + wrong).mean())


def modelled_rate(log_odds: np.ndarray) -> float:
    """Return the mean probability of an error by the model, 0 without rows."""
    return float(sigmoid(log_odds).mean()) if len(log_odds) else 0.0


def _confusion(probs: np.ndarray) -> np.ndarray:
    wide = probs.astype(np.float64)
    together = wide.T @ wide
    np.fill_diagonal(together, 0)
    return np.asarray(together / np.maximum(together.sum(axis=1, keepdims=True), 1e-12))


def _shares(labels: np.ndarray, num_classes: int) -> np.ndarray:
    return np.asarray(np.bincount(labels, minlength=num_classes) / max(1, len(labels)))
