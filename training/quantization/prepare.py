"""From a float model to the module that simulates its integer form, not yet calibrated."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import nn

from thresher.core.errors import InputError, check_choice, check_count, check_number
from thresher.core.exported.portability import WEIGHT_RANGES

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
    layer_bits: Mapping[str, int] | None = None,
    sensitive_bits: int = 8,
    weight_range: str = "portable",
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
    layer_bits : mapping of str to int, optional
        Weight bits of the layers named; the others have `weight_bits`.
    sensitive_bits : int
        The first and the last layers (see `ends`), and values that none but these multiply, such as
        the terms of a sum, have at least so many.
    weight_range : {"portable", "full"}
        ``portable`` keeps 8-bit weights of convolutions and linear layers within ±64, with which
        the integer kernels of every processor give the same sums; ``full`` uses ±127, exact only
        where kernels add in 32 bits (x86 with VNNI, Arm).
    pixels : bool, optional
        The input holds whole numbers 0–255, which the first convolution may take as they are. By
        default this is so for compact models that were trained on uint8 images.
    """
    check_count("weight_bits", weight_bits, low=2, high=8)
    check_count("activation_bits", activation_bits, low=2, high=8)
    check_count("sensitive_bits", sensitive_bits, low=2, high=8)
    check_choice("weight_range", weight_range, WEIGHT_RANGES)
    layer_bits = layer_bits or {}
    for name, bits in layer_bits.items():
        check_number(f"layer_bits[{name!r}]", bits, low=2, high=8)
    if pixels is None:
        spec = getattr(model, "spec", None)
        pixels = getattr(spec, "modality", None) == "image" and not getattr(spec, "dtype", None)
    traced = trace(model, whole=keep_float)
    placement = Placement(
        traced,
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        keep_float=keep_float,
        layer_bits=layer_bits,
        sensitive_bits=sensitive_bits,
        weight_range=weight_range,
        pixels=fold_pixels(traced, keep_float=keep_float) if pixels else None,
    )
    graph = placement.run()
    quantized = QuantizedModel(
        graph,
        spec=getattr(model, "spec", None),
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        weight_range=weight_range,
        float_layers=placement.float_layers,
        end_layers=[str(node.target) for node in placement.ends],
    )
    _check_names(quantized, layer_bits)
    if not quantized.layers() or all(layer.weight_bits == 32 for layer in quantized.layers()):
        raise InputError(
            f"{type(model).__name__} has no convolution, linear layer or embedding to quantize "
            "outside `keep_float`."
        )
    return quantized


def _check_names(quantized: QuantizedModel, layer_bits: Mapping[str, int]) -> None:
    known = [layer.name for layer in quantized.layers()]
    unknown = sorted(set(layer_bits) - set(known))
    if unknown:
        raise InputError(
            f"`layer_bits` names no layer of the model: {unknown[0]!r}. Has: {', '.join(known)}."
        )
