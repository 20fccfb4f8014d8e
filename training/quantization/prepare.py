"""From a float model to the module that simulates its integer form, not yet calibrated."""

from __future__ import annotations

from collections.abc import Collection

from torch import nn

from thresher.core.errors import InputError, check_number

from .model import QuantizedModel
from .placement import Placement
from .tracing import trace


def prepare(
    model: nn.Module,
    *,
    weight_bits: int = 8,
    activation_bits: int = 8,
    keep_float: Collection[str] = (),
) -> QuantizedModel:
    """Fold batch norm and place quantizers; the float `model` is left as it is.

    Parameters
    ----------
    model : nn.Module
    weight_bits, activation_bits : int
        2 to 8.
    keep_float : collection of str
        Names of layers or submodules that stay in float.
    """
    check_number("weight_bits", weight_bits, low=2, high=8)
    check_number("activation_bits", activation_bits, low=2, high=8)
    placement = Placement(
        trace(model, whole=keep_float),
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        keep_float=keep_float,
    )
    graph = placement.run()
    quantized = QuantizedModel(
        graph,
        spec=getattr(model, "spec", None),
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        float_layers=placement.float_layers,
    )
    if not quantized.layers() or all(layer.weight_bits == 32 for layer in quantized.layers()):
        raise InputError(
            f"{type(model).__name__} has no convolution, linear layer or embedding to quantize "
            "outside `keep_float`."
        )
    return quantized
