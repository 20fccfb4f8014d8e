"""Weights and activations of few bits by Brevitas, as its own example for images sets them up.

What each layer reads and its weights are rounded, by tensor with a zero point and by channel;
first step sizes have the least squared error and are learned. Batch norm is folded beforehand; the
first and the last layer have 8 bits; sums and biases stay in float.
"""

from __future__ import annotations

import copy
from importlib.metadata import version

import torch
from torch import Tensor, nn

ENDS = 8
NAMES = ("brevitas", "torch")


def calibrated(model: nn.Module, rows: Tensor, *, bits: int, channels: int) -> nn.Module:
    """Return Brevitas' model after its calibration on `rows`; the float model is left as it is."""
    from brevitas.graph.calibrate import calibration_mode
    from brevitas.graph.quantize import layerwise_quantize, preprocess_for_quantize
    from brevitas.inject import value
    from brevitas_examples.imagenet_classification.ptq.ptq_common import create_quant_maps

    @value
    def own_bits(module: nn.Module) -> int:
        first = isinstance(module, nn.Conv2d) and module.in_channels == channels
        return ENDS if first or isinstance(module, nn.Linear) else bits

    _, layers, _, _ = create_quant_maps(
        dtype=torch.float32,
        bias_bit_width=None,
        weight_bit_width=own_bits,
        weight_param_method="mse",
        weight_scale_type="float_scale",
        weight_quant_type="sym",
        weight_quant_granularity="per_channel",
        weight_narrow_range=True,
        weight_quant_format="int",
        act_quant_format="int",
        act_bit_width=own_bits,
        act_scale_type="float_scale",
        act_scale_computation_type="static",
        act_param_method="mse",
        act_quant_type="asym",
        act_quant_granularity="per_tensor",
        act_quant_percentile=None,
    )
    graph = preprocess_for_quantize(copy.deepcopy(model).eval())
    quantized: nn.Module = layerwise_quantize(graph, compute_layer_map=layers)
    with torch.no_grad(), calibration_mode(quantized):
        for part in rows.split(128):
            quantized(part)
    return quantized.eval()


def versions() -> dict[str, str]:
    return {name: version(name) for name in NAMES}
