"""From class probabilities to the probability that a given label is wrong, and which to flag.

Model: the class of row x is k with probability ``q_k(x) ∝ p_k(x)^a``; its label is then right, or
with the rate ``r₁`` any other class by its share, or with the rate ``r₂`` a class that is often
confused with k. The rates are fitted by expectation maximisation (Dempster, Laird and Rubin,
1977), the sharpness ``a`` by likelihood.

The likelihood alone explains too few labels as wrong: `p` was learnt from the same noisy labels,
so noise that follows the classes is already in it (taking `p` as the truth, a = 1, finds none). Two
corrections: where the most confident predictions agree with a share c of their labels, c also
bounds what the truth would agree with, so that all predictions, of which A agree, are right about
A/c of the time; the sharpness is at least the one at which `q` says so too. (The confident rows
are used as in "anchor points": Patrini et al., 2017.) It is then multiplied by a factor that stands
for noise on hard rows, which no probability shows: little for probes on embeddings, which are
themselves often wrong, more for models made for the task. Costs O(n K²) time on at most `FIT_CELLS`
probabilities, then O(n K).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from thresher.core.ties import first_highest, highest_first

from .logistic import softmax

SHARPEN_PROBES = 1.2
SHARPEN_MODELS = 2.5
FIT_CELLS = 1_000_000
LEAST_SHARPNESS, MOST_SHARPNESS = 0.2, 20.0
STEPS = 40
# The most confident share of the rows, at least so many, and how far they may raise the sharpness.
CONFIDENT_SHARE, FEWEST_CONFIDENT = 0.1, 200
MOST_RAISED = 2.5


@dataclass(frozen=True)
class NoiseModel:
    """How labels go wrong, as fitted to out-of-sample probabilities.

    Attributes
    ----------
    sharpness : float
        The exponent with the highest likelihood, or a higher one where confident rows ask for it.
    shares : ndarray of float64, shape (K,)
        Share of each class among the labels.
    confusion : ndarray of float64, shape (K, K)
        Row k: how often each other class is confused with class k; sums to one.
    confident_disagreement : float
        Share of the most confident predictions whose label is another: the noise rate, if labels go
        wrong as often on easy rows as on others.
    """

    sharpness: float
    shares: np.ndarray
    confusion: np.ndarray
    confident_disagreement: float


def fit_noise_model(probs: np.ndarray, labels: np.ndarray) -> NoiseModel:
    """Fit the sharpness by golden-section search on its logarithm.

    Parameters
    ----------
    probs : ndarray of float, shape (n, K)
        Out-of-sample probabilities.
    labels : ndarray of int, shape (n,)
        Codes from 0.
    """
    n, num_classes = probs.shape
    stride = max(1, (n * num_classes) // FIT_CELLS)
    log_probs, some = _log(probs[::stride]), labels[::stride]
    shares = np.bincount(labels, minlength=num_classes) / max(1, n)
    agree, confident = _agreement(log_probs, some)
    model = NoiseModel(1.0, shares, _confusion(probs[::stride]), 1 - confident)

    def likelihood(log_sharpness: float) -> float:
        return _explain(log_probs, some, model, np.exp(log_sharpness))[0]

    low, high = np.log(LEAST_SHARPNESS), np.log(MOST_SHARPNESS)
    golden = (np.sqrt(5) - 1) / 2
    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = likelihood(left), likelihood(right)
    for _ in range(8):
        if at_left >= at_right:
            high, right, at_right = right, left, at_left
            left = high - golden * (high - low)
            at_left = likelihood(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + golden * (high - low)
            at_right = likelihood(right)
    fitted = float(np.exp((low + high) / 2))
    right = agree / max(confident, 1e-12)
    asked_for = _sharpness_of(log_probs, right, most=MOST_RAISED * fitted)
    return replace(model, sharpness=max(fitted, asked_for))


def _agreement(log_probs: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the share of predictions that agree, of all and of the most confident."""
    if not len(labels):
        return 1.0, 1.0
    agree = log_probs.argmax(axis=1) == labels
    number = max(int(CONFIDENT_SHARE * len(labels)), min(FEWEST_CONFIDENT, len(labels)))
    confident = highest_first(log_probs.max(axis=1), n=number)
    return float(agree.mean()), float(agree[confident].mean())


def _sharpness_of(log_probs: np.ndarray, right: float, *, most: float) -> float:
    """Return the sharpness, up to `most`, that expects this share of right predictions."""
    low, high = 0.0, most
    for _ in range(20):
        middle = (low + high) / 2
        expected = softmax(log_probs * middle).max(axis=1).mean()
        low, high = (middle, high) if expected < right else (low, middle)
    return low


def error_posterior(
    probs: np.ndarray, labels: np.ndarray, model: NoiseModel, *, sharpen: float
) -> np.ndarray:
    """Return for each row the probability that its label is wrong, float64, shape (n,).

    `sharpen` multiplies the fitted sharpness; the rates are fitted anew for it.
    """
    return _explain(_log(probs), labels, model, model.sharpness * sharpen)[1]


def sharpened(probs: np.ndarray, sharpness: float) -> np.ndarray:
    """Raise probabilities, shape (n, K), to a power and let them sum to one again."""
    return softmax(_log(probs) * sharpness)


def _explain(
    log_probs: np.ndarray, labels: np.ndarray, model: NoiseModel, sharpness: float
) -> tuple[float, np.ndarray]:
    """Fit the two rates; return the mean log-likelihood and the posterior of an error."""
    right, confused, anything = _likelihoods(log_probs, labels, model, sharpness)
    rate_any = rate_confused = 0.05
    for _ in range(STEPS):
        by_chance, by_confusion = rate_any * anything, rate_confused * confused
        truly = (1 - rate_any - rate_confused) * right
        total = truly + by_chance + by_confusion + 1e-300
        rate_any, rate_confused = (by_chance / total).mean(), (by_confusion / total).mean()
    return float(np.log(total).mean()), 1 - truly / total


def _likelihoods(
    log_probs: np.ndarray, labels: np.ndarray, model: NoiseModel, sharpness: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the probability of each label if right, if confused, and if any other class by share.

    The two ways to be wrong never give the class itself: a wrong label is wrong.
    """
    n, num_classes = log_probs.shape
    right, confused, anything = np.empty(n), np.empty(n), np.empty(n)
    columns = np.ascontiguousarray(model.confusion.T)
    rest = 1 / np.maximum(1 - model.shares, 1e-12)
    block = max(1, FIT_CELLS // num_classes)
    for start in range(0, n, block):
        span = slice(start, start + block)
        given = labels[span]
        sharp = softmax(log_probs[span] * sharpness)
        right[span] = sharp[np.arange(len(sharp)), given]
        confused[span] = np.einsum("nk,nk->n", sharp, columns[given])
        others = np.maximum(sharp @ rest - right[span] * rest[given], 0)
        anything[span] = model.shares[given] * others
    return right, confused, anything


def _confusion(probs: np.ndarray) -> np.ndarray:
    wide = probs.astype(np.float64)
    together = wide.T @ wide
    np.fill_diagonal(together, 0)
    return np.asarray(together / np.maximum(together.sum(axis=1, keepdims=True), 1e-12))


def _log(probs: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.maximum(probs, 1e-7, dtype=np.float64)))


def flag_threshold(errors: np.ndarray) -> float:
    """Return the score below which to flag rows so that the expected F1 is highest.

    With calibrated probabilities of an error sorted downwards, flagging the first k has the
    expected F1 of ``2 Σ_k p / (k + Σ p)`` (Lipton, Elkan and Naryanaswamy, 2014).
    """
    if not len(errors) or errors.max() <= 0.5:
        return 0.0
    ordered = np.sort(errors)[::-1]
    ranks = np.arange(1, len(ordered) + 1)
    expected = 2 * np.cumsum(ordered) / (ranks + ordered.sum())
    # The row at the cut is flagged too: scores are compared with <.
    return float(np.nextafter(1 - ordered[int(first_highest(expected))], 2))


def expected_precision(scores: np.ndarray, flagged: np.ndarray) -> float | None:
    """Return the mean estimated probability of an error among the flagged rows."""
    return float(1 - scores[flagged].mean()) if flagged.any() else None
