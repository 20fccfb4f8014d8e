"""How a quantized model does beside its float self, on rows held out for that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn

from thresher.core.counted import counted, percent
from thresher.core.numerics.softmax import log_softmax

from ..evaluation import predict_logits
from ..rows.samples import Samples
from .model import QuantizedModel


@dataclass(frozen=True, eq=False)
class Score:
    """What was measured on the held-out rows.

    Attributes
    ----------
    loss : float
        Accuracy lost against the float model; without labels, the share of rows with another top
        class.
    error : float
        Standard error of `loss`, from the rows on which the two models differ.
    confidence : float
        Probability of the label (without labels: of the float model's top class) lost, mean. Every
        row counts in it, not only those whose class changes, so that it is far less noisy.
    divergences : ndarray of float64, shape (n,)
        Kullback–Leibler divergence of each row from the float model, nats.
    text : str
        The same in words.
    """

    loss: float
    error: float
    confidence: float
    divergences: np.ndarray
    text: str

    @property
    def divergence(self) -> float:
        """Mean divergence from the float model, nats."""
        return float(self.divergences.mean())

    def gain_over(self, other: Score) -> tuple[float, float]:
        """Return how much less this one diverges than `other`, and the standard error of that.

        From the same rows by pairs, so that rows that are hard for both do not count.
        """
        gains = other.divergences - self.divergences
        return float(gains.mean()), float(gains.std() / np.sqrt(len(gains)))

    def is_within(self, tolerance: float) -> bool:
        """Tell whether no more than `tolerance` is lost, as far as the rows can tell."""
        return self.loss - self.error <= tolerance


class Judge:
    """Compares quantized models with one float model, whose logits are computed once."""

    def __init__(self, model: nn.Module, samples: Samples, *, device: str) -> None:
        self.samples, self.device = samples, device
        self.logits = predict_logits(model, samples, device=device)

    def score(self, quantized: QuantizedModel) -> Score:
        """Measure `quantized`."""
        logits = predict_logits(quantized, self.samples, device=self.device)
        same = float((logits.argmax(1) == self.logits.argmax(1)).mean())
        targets = self.samples.targets
        labels = self.logits.argmax(1) if targets is None else targets.numpy()
        before, after = (found.argmax(1) == labels for found in (self.logits, logits))
        lost = before.astype(np.float64) - after
        text = (
            f"accuracy {percent(after.mean(), digits=2)} (float "
            f"{percent(before.mean(), digits=2)}), {percent(same, digits=2)} agreement"
        )
        if targets is None:
            text = f"{percent(same, digits=2)} agreement with float"
        return Score(
            loss=float(lost.mean()),
            error=float(lost.std() / np.sqrt(len(lost))),
            confidence=_confidence(self.logits, labels) - _confidence(logits, labels),
            divergences=_divergences(self.logits, logits),
            text=f"{text} on {counted(len(lost), 'held-out row')}",
        )


def _confidence(logits: np.ndarray, labels: np.ndarray) -> float:
    log_p = log_softmax(logits.astype(np.float64))
    return float(np.exp(log_p[np.arange(len(labels)), labels]).mean())


def _divergences(teacher: np.ndarray, student: np.ndarray) -> np.ndarray:
    log_p, log_q = (log_softmax(logits.astype(np.float64)) for logits in (teacher, student))
    divergences: np.ndarray = (np.exp(log_p) * (log_p - log_q)).sum(1)
    return divergences
