"""Optimizers: which parameters decay, and at which default rates."""

from __future__ import annotations

import torch
from torch import nn

from thresher.core.errors import check_choice

OPTIMIZERS = ("sgd", "adamw")
DEFAULT_LR = {"sgd": 0.2, "adamw": 2e-3}
DEFAULT_DECAY = {"sgd": 5e-4, "adamw": 1e-2}
MOMENTUM = 0.9


def build_optimizer(
    model: nn.Module, name: str, *, lr: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Make the optimizer of all trainable parameters.

    Matrices and filters decay; biases and the scales of norms, which have one axis, do not.

    Parameters
    ----------
    model : nn.Module
    name : str
        ``"sgd"`` (Nesterov momentum 0.9) or ``"adamw"``.
    lr : float
        Peak of the schedule.
    weight_decay : float
    """
    check_choice("optimizer", name, OPTIMIZERS)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if name == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=MOMENTUM, nesterov=True, fused=True)
    return torch.optim.AdamW(groups, lr=lr, fused=True)
