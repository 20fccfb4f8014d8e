"""What each node of the graph is, for the rules of integer arithmetic."""

from __future__ import annotations

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from .folding import called_module

_MODULES: tuple[tuple[tuple[type[nn.Module], ...], str], ...] = (
    ((nn.Conv1d, nn.Conv2d), "conv"),
    ((nn.Linear,), "linear"),
    ((nn.Embedding,), "embedding"),
    ((nn.ReLU, nn.ReLU6), "relu"),
    ((nn.MaxPool1d, nn.MaxPool2d, nn.AdaptiveMaxPool2d, nn.Flatten), "same"),
    ((nn.AvgPool2d,), "pool"),
)
_FUNCTIONS: dict[Any, str] = {
    F.relu: "relu",
    torch.relu: "relu",
    F.relu6: "relu",
    operator.add: "add",
    operator.iadd: "add",
    torch.add: "add",
    torch.cat: "cat",
    torch.flatten: "same",
    F.max_pool2d: "same",
    F.avg_pool2d: "pool",
}
_METHODS = {"relu": "relu", "relu_": "relu", "add": "add", "add_": "add", "flatten": "same"}
_RESHAPES = {"view", "reshape", "squeeze", "contiguous"}


def kind(graph: fx.GraphModule, node: fx.Node) -> str:
    """Return the kind of `node`.

    One of ``conv``, ``linear``, ``embedding``, ``relu``, ``add``, ``cat``, ``pool``,
    ``global_pool``, ``same`` (moves values, computes none) or ``other`` (stays in float).
    """
    if node.op == "call_module":
        return _module_kind(called_module(graph, node))
    if node.op == "call_function":
        return _function_kind(node)
    if node.op == "call_method":
        return _method_kind(node)
    return "other"


def _module_kind(module: nn.Module | None) -> str:
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return "global_pool" if module.output_size in (1, (1, 1)) else "other"
    if isinstance(module, (nn.Conv1d, nn.Conv2d)) and module.padding_mode != "zeros":
        return "other"
    for types, name in _MODULES:
        if isinstance(module, types):
            return name
    return "other"


def _function_kind(node: fx.Node) -> str:
    if node.target is F.adaptive_avg_pool2d:
        size = node.args[1] if len(node.args) > 1 else node.kwargs.get("output_size")
        return "global_pool" if size in (1, (1, 1)) else "other"
    if node.target is torch.mean:
        return _mean_kind(node)
    if node.target in _FUNCTIONS:
        return _FUNCTIONS[node.target]
    return "other"


def _method_kind(node: fx.Node) -> str:
    if node.target == "mean":
        return _mean_kind(node)
    if node.target in _RESHAPES:
        return "same"
    return _METHODS.get(str(node.target), "other")


def _mean_kind(node: fx.Node) -> str:
    axes = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    is_spatial = isinstance(axes, (tuple, list)) and sorted(axes) in ([2, 3], [-2, -1])
    return "global_pool" if is_spatial else "other"


def keeps_axes(node: fx.Node) -> bool:
    """Tell whether a global pooling node keeps its two axes of length one."""
    if node.target in (torch.mean, "mean"):
        return bool(node.args[2] if len(node.args) > 2 else node.kwargs.get("keepdim", False))
    return True
