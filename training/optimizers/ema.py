"""A running average of the weights, which generalizes better than the last ones.

Polyak & Juditsky 1992; the exponential form as in Tarvainen & Valpola, "Mean Teachers", 2017.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from ..torch_runtime.sharding import local


class WeightAverage:
    """Exponential moving average of parameters and floating-point buffers.

    Early in a run the decay is lowered to (1 + step) / (10 + step), so that the random first
    weights are forgotten soon.

    Parameters
    ----------
    model : nn.Module
        Averaged from its current weights on.
    decay : float
        Share of the average that one step keeps, in [0, 1).
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        self.decay = decay
        self.module = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, *, step: int) -> None:
        """Move the average towards the weights of `model` after `step` (counted from 0)."""
        keep = min(self.decay, (1 + step) / (10 + step))
        mine, theirs = _tensors(self.module), _tensors(model)
        moving = [index for index, tensor in enumerate(mine) if tensor.is_floating_point()]
        torch._foreach_lerp_(
            [mine[index] for index in moving], [theirs[index] for index in moving], 1 - keep
        )
        for index, tensor in enumerate(mine):
            if not tensor.is_floating_point():
                tensor.copy_(theirs[index])


def _tensors(model: nn.Module) -> list[Tensor]:
    return [local(tensor.detach()) for tensor in (*model.parameters(), *model.buffers())]
