"""How a quantized model does beside its float self, on rows held out for that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn

from ..evaluation import predict_logits
from ..samples import Samples
from .model import QuantizedModel


@dataclass(frozen=True)
class Score:
    """What was measured on the held-out rows.

    Attributes
    ----------
    loss : float
        Accuracy lost against the float model; without labels, the share of rows with another top
        class.
    divergence : float
        Mean Kullback–Leibler divergence from the float model, nats.
    text : str
        The same in words.
    """

    loss: float
    divergence: float
    text: str


class Judge:
    """Compares quantized models with one float model, whose logits are computed once."""

    def __init__(self, model: nn.Module, samples: Samples, *, device: str) -> None:
        self.samples, self.device = samples, device
        self.logits = predict_logits(model, samples, device=device)

    def score(self, quantized: QuantizedModel) -> Score:
        """Measure `quantized`."""
        logits = predict_logits(quantized, self.samples, device=self.device)
        same = float((logits.argmax(1) == self.logits.argmax(1)).mean())
        divergence = _divergence(self.logits, logits)
        targets = self.samples.targets
        if targets is None:
            return Score(1 - same, divergence, f"{same:.2%} agreement with float")
        before, after = (
            float((found.argmax(1) == targets.numpy()).mean()) for found in (self.logits, logits)
        )
        text = f"accuracy {after:.2%} (float {before:.2%}), {same:.2%} agreement"
        return Score(before - after, divergence, f"{text} on {len(targets)} held-out rows")


def _divergence(teacher: np.ndarray, student: np.ndarray) -> float:
    log_p, log_q = (_log_softmax(logits.astype(np.float64)) for logits in (teacher, student))
    return float((np.exp(log_p) * (log_p - log_q)).sum(1).mean())


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(1, keepdims=True)
    result: np.ndarray = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return result
