"""From a float model to the module that simulates its integer form, not yet calibrated."""

from __future__ import annotations

from collections.abc import Collection

from torch import nn

from thresher.core.errors import InputError, check_number

from .model import QuantizedModel
from .pixels import fold_pixels
from .placement import Placement
from .tracing import trace


def prepare(
    model: nn.Module,
    *,
    weight_bits: int = 8,
    activation_bits: int = 8,
    keep_float: Collection[str] = (),
    pixels: bool | None = None,
) -> QuantizedModel:
    """Fold batch norm and place quantizers; the float `model` is left as it is.

    Parameters
    ----------
    model : nn.Module
    weight_bits, activation_bits : int
        2 to 8.
    keep_float : collection of str
        Names of layers or submodules that stay in float.
    pixels : bool, optional
        The input holds whole numbers 0–255, which the first convolution may take as they are. By
        default this is so for compact models of images.
    """
    check_number("weight_bits", weight_bits, low=2, high=8)
    check_number("activation_bits", activation_bits, low=2, high=8)
    if pixels is None:
        pixels = getattr(getattr(model, "spec", None), "modality", None) == "image"
    traced = trace(model, whole=keep_float)
    placement = Placement(
        traced,
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        keep_float=keep_float,
        pixels=fold_pixels(traced) if pixels and not keep_float else None,
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
