"""Pixels as they are: the first convolution works on the uint8 image itself.

Normalization, y = factor · x + shift per channel, is merged into the convolution, and the image
becomes the quantized activation with scale 1. Nothing is rounded and four operators are saved.
Zero padding then stands for one pixel value in all channels, the mean one, so that borders differ
slightly where the channels' means differ.
"""

from __future__ import annotations

import operator
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, fx, nn

from .folding import called_module

TARGET = "pixels"
_LARGEST_BORDER_ERROR = 0.25
_CASTS = ("float", "to")


class PixelInput(nn.Module):
    """Pixel values minus a constant one; the grid has scale 1."""

    scale: Tensor
    zero_point: Tensor

    def __init__(self, zero_point: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("zero_point", torch.tensor(zero_point, dtype=torch.int32))

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 of the same shape as the image, which holds 0–255."""
        return x.float() - self.zero_point


def fold_pixels(graph: fx.GraphModule, *, keep_float: Collection[str] = ()) -> fx.Node | None:
    """Merge normalization into the first convolutions, in place.

    Where one of these, or a module around it, is in `keep_float`, nothing is merged.

    Returns
    -------
    fx.Node or None
        The node that gives the pixels, or None where the graph does not begin with a
        normalization per channel that only convolutions use.
    """
    source = next(node for node in graph.graph.nodes if node.op == "placeholder")
    last, factor, shift = _normalization(graph, source)
    layers = [called_module(graph, user) for user in last.users]
    if not layers or not all(_takes_pixels(layer, factor) for layer in layers):
        return None
    if any(_is_inside(str(user.target), keep_float) for user in last.users):
        return None
    zero_point = int((-shift / factor).mean().round().clamp(0, 255))
    border = factor * zero_point + shift
    if float(border.abs().max()) > _LARGEST_BORDER_ERROR:
        return None
    for layer in dict.fromkeys(layers):
        _merge(layer, factor, border)
    graph.add_submodule(TARGET, PixelInput(zero_point))
    with graph.graph.inserting_after(source):
        pixels = graph.graph.call_module(TARGET, (source,))
    last.replace_all_uses_with(pixels, delete_user_cb=lambda user: user is not pixels)
    graph.graph.eliminate_dead_code()
    return pixels


def _is_inside(name: str, modules: Collection[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _normalization(graph: fx.GraphModule, source: fx.Node) -> tuple[fx.Node, Tensor, Tensor]:
    """Follow the elementwise operations on the input: last node, factor and shift, float64."""
    factor, shift = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    node = source
    while len(node.users) == 1:
        user = next(iter(node.users))
        if user.op == "call_method" and user.target in _CASTS:
            node = user
            continue
        constant = _constant(graph, user.args[1]) if _is_binary(user, node) else None
        if constant is None:
            break
        factor, shift = _applied(user.target, factor, shift, constant)
        node = user
    return node, factor, shift


def _is_binary(user: fx.Node, source: fx.Node) -> bool:
    known = (operator.add, operator.sub, operator.mul, operator.truediv)
    return user.op == "call_function" and user.target in known and user.args[0] is source


def _constant(graph: fx.GraphModule, value: Any) -> Tensor | None:
    """Return a number, or a buffer of shape (1, C, 1, 1), as float64 (C,) or (1,)."""
    if isinstance(value, (int, float)):
        return torch.tensor([float(value)], dtype=torch.float64)
    if not isinstance(value, fx.Node) or value.op != "get_attr":
        return None
    owner, _, name = str(value.target).rpartition(".")
    found = getattr(graph.get_submodule(owner), name)
    per_channel = found.ndim in (3, 4) and found.shape[-3] == found.numel()
    return found.detach().double().flatten() if per_channel or found.numel() == 1 else None


def _applied(
    operation: Any, factor: Tensor, shift: Tensor, constant: Tensor
) -> tuple[Tensor, Tensor]:
    if operation in (operator.mul, operator.truediv):
        return operation(factor, constant), operation(shift, constant)
    return factor.expand_as(constant), operation(shift, constant)


def _takes_pixels(layer: nn.Module | None, factor: Tensor) -> bool:
    return (
        isinstance(layer, nn.Conv2d)
        and layer.groups == 1
        and layer.padding_mode == "zeros"
        and bool((factor > 0).all())
    )


@torch.no_grad()
def _merge(layer: Any, factor: Tensor, border: Tensor) -> None:
    weight = layer.weight.double()
    channels = weight.shape[1]
    bias = 0 if layer.bias is None else layer.bias.double()
    bias = bias + (weight.sum((2, 3)) * border.expand(channels)).sum(1)
    layer.bias = nn.Parameter(bias.to(layer.weight.dtype))
    column = factor.expand(channels).view(1, -1, 1, 1)
    layer.weight = nn.Parameter((weight * column).to(layer.weight.dtype))
