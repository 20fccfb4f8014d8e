"""What probabilities of several classes mean: one class a row, or each class on its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from . import scores

Score = Callable[[np.ndarray], np.ndarray]


class Kind(Protocol):
    """How to read probabilities, float32, shape (n, c), and those of k models, (k, n, c).

    Each score has shape (n,) and is higher where the model is less sure.
    """

    def margin(self, probs: np.ndarray) -> np.ndarray:
        """Return one minus the gap between the two likeliest readings."""

    def entropy(self, probs: np.ndarray) -> np.ndarray:
        """Return the entropy in nats."""

    def least_confidence(self, probs: np.ndarray) -> np.ndarray:
        """Return one minus the largest probability."""

    def mutual_information(self, ensemble_probs: np.ndarray) -> np.ndarray:
        """Return BALD of k models."""

    def vote_entropy(self, ensemble_probs: np.ndarray) -> np.ndarray:
        """Return the entropy of the votes of k models."""

    def predicted(self, probs: np.ndarray) -> np.ndarray:
        """Return the classes that would be predicted, 0 and 1 in float32, shape (n, c)."""

    def outcomes(self, probs: np.ndarray) -> np.ndarray:
        """Return probabilities of all outcomes, so that divergences are sums over them."""


class OneLabel:
    """Each row has one class: a row of probabilities sums to one."""

    margin = staticmethod(scores.margin_uncertainty)
    entropy = staticmethod(scores.entropy)
    least_confidence = staticmethod(scores.least_confidence)
    mutual_information = staticmethod(scores.mutual_information)
    vote_entropy = staticmethod(scores.vote_entropy)

    @staticmethod
    def predicted(probs: np.ndarray) -> np.ndarray:
        """Put one at the largest entry."""
        best = np.zeros(probs.shape, dtype=np.float32)
        best[np.arange(len(probs)), probs.argmax(axis=1)] = 1.0
        return best

    @staticmethod
    def outcomes(probs: np.ndarray) -> np.ndarray:
        """Return the probabilities as they are."""
        return probs


def _mean_over_classes(score: Score) -> Score:
    """Score each class as a question of yes and no; one class at a time keeps the memory small."""

    def mean(probs: np.ndarray) -> np.ndarray:
        total = np.zeros(probs.shape[-2])
        for place in range(probs.shape[-1]):
            yes = probs[..., place]
            total += score(np.stack([yes, 1.0 - yes], axis=-1))
        return np.asarray(total / probs.shape[-1])

    return mean


class ManyLabels:
    """Each class holds or not, on its own: independent sigmoids. Scores are means over classes."""

    margin = staticmethod(_mean_over_classes(scores.margin_uncertainty))
    entropy = staticmethod(_mean_over_classes(scores.entropy))
    least_confidence = staticmethod(_mean_over_classes(scores.least_confidence))
    mutual_information = staticmethod(_mean_over_classes(scores.mutual_information))
    vote_entropy = staticmethod(_mean_over_classes(scores.vote_entropy))

    @staticmethod
    def predicted(probs: np.ndarray) -> np.ndarray:
        """Put one where the class is likelier than not."""
        return (probs > 0.5).astype(np.float32)

    @staticmethod
    def outcomes(probs: np.ndarray) -> np.ndarray:
        """Return yes and no of each class, shape (n, 2c)."""
        return np.concatenate([probs, 1.0 - probs], axis=1)


ONE_LABEL: Kind = OneLabel()
MANY_LABELS: Kind = ManyLabels()
