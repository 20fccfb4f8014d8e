"""Losses over a batch, with row weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..rows.samples import UNLABELED
from .batches import Batch

Loss = Callable[[nn.Module, Batch], Tensor]


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy of the model's logits with the batch's hard or soft targets.

    Attributes
    ----------
    label_smoothing : float
        Share of each target that is spread over all classes (Szegedy et al. 2015).
    """

    label_smoothing: float = 0.0

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the weighted mean loss of the batch, float32 scalar."""
        if batch.targets is None:
            raise ValueError("cross-entropy needs targets")
        losses = F.cross_entropy(
            model(batch.inputs).float(),
            batch.targets,
            reduction="none",
            ignore_index=UNLABELED,
            label_smoothing=self.label_smoothing,
        )
        return weighted_mean(losses, batch.weights)


def weighted_mean(losses: Tensor, weights: Tensor | None) -> Tensor:
    """Return the mean of `losses`, (b,), each counted `weights` times; 0 if all weigh nothing."""
    if weights is None:
        return losses.mean()
    return (losses * weights).sum() / weights.sum().clamp(min=torch.finfo(weights.dtype).tiny)
