"""Layers replaced by two thinner ones through the singular value decomposition.

Denton et al. (2014), "Exploiting linear structure within convolutional networks"; for k × k
convolutions a k × k one to `rank` channels and a 1 × 1 one, as in Zhang et al. (2015),
"Accelerating very deep convolutional networks".
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from thresher.core.errors import InputError

from ..torch_runtime.flops import count_flops

_HALVINGS = 12


def factorize(
    model: nn.Module, rows: Tensor, *, target_flops: float, keep: Collection[str]
) -> nn.Module:
    """Return a copy of `model` whose layers keep as much energy as `target_flops` allows.

    The share of the squared singular values that is kept is the same for all layers, and is found
    by halving an interval; a layer that would not become cheaper stays as it is.
    """
    low, high = 0.0, 1.0
    best: nn.Module | None = None
    for _ in range(_HALVINGS):
        energy = (low + high) / 2
        candidate = _factorized(model, energy, keep)
        if count_flops(candidate, rows) <= target_flops:
            best, low = candidate, energy
        else:
            high = energy
    if best is None:
        raise InputError(
            "No low-rank form of this model is as cheap as asked for. Lower `amount`, or use "
            "method='channels'."
        )
    return best


def _factorized(model: nn.Module, energy: float, keep: Collection[str]) -> nn.Module:
    copied = copy.deepcopy(model)
    for name, layer in list(copied.named_modules()):
        if name in keep or not name:
            continue
        thinner = _split(layer, energy)
        if thinner is not None:
            owner, _, attribute = name.rpartition(".")
            setattr(copied.get_submodule(owner), attribute, thinner)
    return copied


@torch.no_grad()
def _split(layer: nn.Module, energy: float) -> nn.Sequential | None:
    if not _can_split(layer):
        return None
    weight: Tensor = layer.weight  # type: ignore[assignment]
    matrix = weight.detach().double().flatten(1)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    share = values.square().cumsum(0) / values.square().sum()
    rank = min(int((share < energy).sum()) + 1, len(values))
    outputs, inputs = matrix.shape
    if rank * (outputs + inputs) >= outputs * inputs:
        return None
    root = values[:rank].sqrt()
    first, second = _pair(layer, rank)
    first.weight.copy_((root[:, None] * right[:rank]).view(first.weight.shape))
    second.weight.copy_((left[:, :rank] * root).view(second.weight.shape))
    if second.bias is not None:
        second.bias.copy_(layer.bias)
    return nn.Sequential(first, second)


def _can_split(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1)


def _pair(layer: Any, rank: int) -> tuple[Any, Any]:
    biased = layer.bias is not None
    if isinstance(layer, nn.Linear):
        return (
            nn.Linear(layer.in_features, rank, bias=False),
            nn.Linear(rank, layer.out_features, bias=biased),
        )
    first = nn.Conv2d(
        layer.in_channels,
        rank,
        layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        bias=False,
        padding_mode=layer.padding_mode,
    )
    return first, nn.Conv2d(rank, layer.out_channels, 1, bias=biased)
