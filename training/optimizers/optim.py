"""Optimizers: which parameters decay, and at which default rates."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from thresher.core.errors import check_choice

from ..torch_runtime.sharding import is_sharded
from .muon import Muon

OPTIMIZERS = ("sgd", "adamw", "muon")
DEFAULT_LR = {"sgd": 0.2, "adamw": 2e-3, "muon": 0.06}
DEFAULT_DECAY = {"sgd": 5e-4, "adamw": 1e-2, "muon": 5e-2}
MOMENTUM = 0.9
# Beside orthogonal updates at rate r, plain SGD on head, stem and norms wants about 10 r.
_SGD_BESIDE_MUON = 10.0
_SGD_DECAY_BESIDE_MUON = 1e-2


def build_optimizer(
    model: nn.Module, name: str, *, lr: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Make the optimizer of all trainable parameters.

    Matrices and filters decay; biases and the scales of norms, which have one axis, do not.

    Parameters
    ----------
    model : nn.Module
    name : str
        ``"sgd"`` (Nesterov momentum 0.9), ``"adamw"``, or ``"muon"`` (hidden layers by `Muon`, the
        first and last layer and everything else by SGD).
    lr : float
        Peak of the schedule.
    weight_decay : float
    """
    check_choice("optimizer", name, OPTIMIZERS)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    matrices = [p for p in trained if p.ndim > 1]
    vectors = {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0}
    if name == "muon":
        return _build_muon(matrices, vectors, lr=lr, weight_decay=weight_decay)
    groups = _filled([{"params": matrices, "weight_decay": weight_decay}, vectors])
    if name == "sgd":
        fused = not any(map(is_sharded, trained))  # there is no fused SGD on parts of tensors
        return torch.optim.SGD(groups, lr=lr, momentum=MOMENTUM, nesterov=True, fused=fused)
    return torch.optim.AdamW(groups, lr=lr, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give every group the rate `lr`, times the group's own ``lr_scale`` where it has one."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group.get("lr_scale", 1.0)


def _build_muon(
    matrices: list[nn.Parameter], vectors: dict[str, Any], *, lr: float, weight_decay: float
) -> torch.optim.Optimizer:
    hidden = matrices[1:-1]
    outer = [matrix for matrix in matrices if all(matrix is not inner for inner in hidden)]
    beside = {"lr_scale": _SGD_BESIDE_MUON}
    groups = [
        {"params": hidden, "weight_decay": weight_decay, "orthogonal": True},
        {"params": outer, "weight_decay": weight_decay * _SGD_DECAY_BESIDE_MUON, **beside},
        {**vectors, **beside},
    ]
    return Muon(_filled(groups), lr=lr, momentum=MOMENTUM)


def _filled(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [group for group in groups if group["params"]]
