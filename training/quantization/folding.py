"""Batch norm folded into the layer beside it, which integer kernels need.

Jacob et al. (2018), "Quantization and training of neural networks for efficient
integer-arithmetic-only inference", section 3.2.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_FOLDABLE = (nn.Conv1d, nn.Conv2d, nn.Linear)
_RELUS = (F.relu, torch.relu)


def called_module(graph: fx.GraphModule, node: Any) -> nn.Module | None:
    """Return the module that `node` calls, or None."""
    if isinstance(node, fx.Node) and node.op == "call_module":
        return graph.get_submodule(str(node.target))
    return None


def fold_norms(graph: fx.GraphModule) -> None:
    """Merge every batch norm that alone uses, or is alone used by, a layer into that layer."""
    calls = [node.target for node in graph.graph.nodes if node.op == "call_module"]
    for node in list(graph.graph.nodes):
        norm = called_module(graph, node)
        if not isinstance(norm, _NORMS) or norm.running_mean is None:
            continue
        for layer, merge in ((node.args[0], fold_after), (_only_user(node), fold_before)):
            if calls.count(getattr(layer, "target", None)) == 1 and _merged(
                graph, layer, norm, merge
            ):
                node.replace_all_uses_with(node.args[0])
                graph.graph.erase_node(node)
                break


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _merged(graph: fx.GraphModule, source: Any, norm: nn.Module, merge: Any) -> bool:
    layer = called_module(graph, source)
    if merge is fold_before:
        possible = isinstance(layer, nn.Linear) and layer.in_features == norm.num_features
    else:
        # A linear layer over a sequence, (n, l, d), is normalized over l, not over its outputs.
        possible = (
            isinstance(layer, _FOLDABLE)
            and layer.weight.shape[0] == norm.num_features
            and len(source.users) == 1
        )
    if possible:
        merge(layer, norm)
    return possible


def _factor_and_shift(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Return the float64 factor and shift of a batch norm in evaluation."""
    assert isinstance(norm, _NORMS)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    factor = torch.rsqrt(norm.running_var.double() + norm.eps)
    if norm.weight is not None:
        factor = factor * norm.weight.detach().double()
    shift = -norm.running_mean.double() * factor
    return factor, shift if norm.bias is None else shift + norm.bias.detach().double()


@torch.no_grad()
def fold_after(layer: Any, norm: nn.Module) -> None:
    """Merge a batch norm, as it acts in evaluation, into the layer before it, in place."""
    factor, shift = _factor_and_shift(norm)
    weight = layer.weight
    bias = 0 if layer.bias is None else layer.bias.double() * factor
    column = factor.view(-1, *[1] * (weight.dim() - 1))
    layer.bias = nn.Parameter((bias + shift).to(weight.dtype))
    layer.weight = nn.Parameter((weight.double() * column).to(weight.dtype))


@torch.no_grad()
def fold_before(layer: Any, norm: nn.Module) -> None:
    """Merge a batch norm into the linear layer after it, in place."""
    factor, shift = _factor_and_shift(norm)
    weight = layer.weight.double()
    bias = 0 if layer.bias is None else layer.bias.double()
    layer.bias = nn.Parameter((weight @ shift + bias).to(layer.weight.dtype))
    layer.weight = nn.Parameter((weight * factor).to(layer.weight.dtype))


def reorder_pools(graph: fx.GraphModule) -> None:
    """Move max pooling behind the batch norm and ReLU that follow it.

    ReLU always commutes with the maximum, batch norm where its factor is positive. Afterwards
    the layer before the pooling can take both.
    """
    moved = True
    while moved:
        moved = False
        for node in list(graph.graph.nodes):
            if isinstance(called_module(graph, node), nn.MaxPool2d) and _commutes(graph, node):
                _swap_with_user(node)
                moved = True


def _commutes(graph: fx.GraphModule, pool: fx.Node) -> bool:
    user = _only_user(pool)
    if user is None:
        return False
    module = called_module(graph, user)
    if isinstance(module, _NORMS) and module.running_mean is not None:
        return bool((_factor_and_shift(module)[0] > 0).all())
    return isinstance(module, (nn.ReLU, nn.ReLU6)) or user.target in _RELUS


def _swap_with_user(pool: fx.Node) -> None:
    user = next(iter(pool.users))
    user.replace_all_uses_with(pool)
    user.replace_input_with(pool, pool.args[0])  # type: ignore[arg-type]
    pool.replace_input_with(pool.args[0], user)  # type: ignore[arg-type]
    user.append(pool)
