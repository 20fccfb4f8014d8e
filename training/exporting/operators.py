"""Modules that name their ONNX operators, one for each kind that simulates integers.

Weights become int8 and biases int32 constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..quantization.fake import ActivationQuantizer
from ..quantization.layers import (
    QuantizedConv,
    QuantizedEmbedding,
    QuantizedLinear,
    QuantizedWeights,
)
from ..quantization.pixels import PixelInput
from ..quantization.placement import GlobalAveragePool

UINT8_TOP = 255


def symbolic(operator: str, inputs: Sequence[Tensor], shape: Any, **options: Any) -> Tensor:
    """Return the output of an ONNX operator, named with its attributes, dtype and shape."""
    dtype = options.pop("dtype", torch.float32)
    result: Tensor = torch.onnx.ops.symbolic(
        operator, tuple(inputs), attrs=options, dtype=dtype, shape=tuple(shape), version=None
    )
    return result


class OnnxRound(nn.Module):
    """QuantizeLinear and DequantizeLinear with constant scale and zero point."""

    scale: Tensor
    zero_point: Tensor

    def __init__(self, quantizer: ActivationQuantizer) -> None:
        super().__init__()
        self.register_buffer("scale", quantizer.scale.detach().clone())
        self.register_buffer("zero_point", quantizer.zero_point.to(torch.uint8))
        scale, offset = float(quantizer.scale), int(quantizer.zero_point)
        full = quantizer.top == UINT8_TOP
        self.bounds = None if full else (-offset * scale, (quantizer.top - offset) * scale)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` rounded to the grid."""
        grid = (self.scale, self.zero_point)
        if self.bounds is not None:
            # A grid narrower than the 8-bit type does not saturate by itself.
            x = x.clamp(*self.bounds)
        integers = symbolic("QuantizeLinear", (x, *grid), x.shape, dtype=torch.uint8)
        return symbolic("DequantizeLinear", (integers, *grid), x.shape)


class OnnxPixels(nn.Module):
    """DequantizeLinear on the uint8 image itself."""

    scale: Tensor
    zero_point: Tensor

    def __init__(self, pixels: PixelInput) -> None:
        super().__init__()
        self.register_buffer("scale", pixels.scale.clone())
        self.register_buffer("zero_point", pixels.zero_point.to(torch.uint8))

    def forward(self, x: Tensor) -> Tensor:
        """Return pixel values minus the constant one."""
        return symbolic("DequantizeLinear", (x, self.scale, self.zero_point), x.shape)


class OnnxWeights(nn.Module):
    """Constants of a layer: int8 weights, int32 bias, and their scales.

    The zero points are given although they are 0: without them ONNX Runtime does not fuse.
    """

    weight: Tensor
    scale: Tensor
    zeros: Tensor
    bias: Tensor | None
    bias_scale: Tensor
    bias_zeros: Tensor

    def __init__(self, layer: QuantizedWeights, input_scale: Tensor, *, axis: int = 0) -> None:
        super().__init__()
        scale = layer.scales(input_scale).detach()
        weight = layer.integer_weight(scale).to(torch.int8)
        self.axis = axis
        self.register_buffer("weight", weight.T.contiguous() if axis == 1 else weight)
        self.register_buffer("scale", scale)
        self.register_buffer("zeros", torch.zeros(len(scale), dtype=torch.int8))
        bias = layer.integer_bias(scale, input_scale)
        self.register_buffer("bias", None if bias is None else bias.to(torch.int32))
        self.register_buffer("bias_scale", scale * input_scale.detach())
        self.register_buffer("bias_zeros", torch.zeros(len(scale), dtype=torch.int32))

    def constants(self) -> tuple[Tensor, Tensor | None]:
        """Return the weight and the bias as float values, dequantized in the graph."""
        inputs = (self.weight, self.scale, self.zeros)
        weight = symbolic("DequantizeLinear", inputs, self.weight.shape, axis=self.axis)
        bias = self.bias
        if bias is not None:
            inputs = (bias, self.bias_scale, self.bias_zeros)
            bias = symbolic("DequantizeLinear", inputs, bias.shape, axis=0)
        return weight, bias


class OnnxConv(nn.Module):
    """Convolution on integer constants."""

    def __init__(self, layer: QuantizedConv, input_scale: Tensor) -> None:
        super().__init__()
        self.layer = layer
        self.constants = OnnxWeights(layer, input_scale)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        return self.layer.compute(x, *self.constants.constants())


class OnnxLinear(nn.Module):
    """Linear layer on integer constants: Gemm for rows, MatMul and Add for sequences."""

    def __init__(self, layer: QuantizedLinear, input_scale: Tensor) -> None:
        super().__init__()
        self.rows = OnnxWeights(layer, input_scale)
        self.sequences = OnnxWeights(layer, input_scale, axis=1)
        # Rounded as the simulation rounds it: its own value would turn roundings further on.
        integers, scale = self.rows.bias, self.rows.bias_scale
        self.bias = None if integers is None else (integers.double() * scale.double()).float()

    def forward(self, x: Tensor) -> Tensor:
        """Multiply by the transposed weight."""
        if x.dim() == 2:
            weight, bias = self.rows.constants()
            return F.linear(x, weight, bias)
        product = torch.matmul(x, self.sequences.constants()[0])
        return product if self.bias is None else product + self.bias


class OnnxEmbedding(nn.Module):
    """Look-up in an int8 table, then DequantizeLinear, or a multiplication per column."""

    table: Tensor
    scale: Tensor
    zero: Tensor

    def __init__(self, layer: QuantizedEmbedding) -> None:
        super().__init__()
        self.register_buffer("table", layer.integer_weight().to(torch.int8))
        self.register_buffer("scale", layer.scale.detach().clone())
        self.register_buffer("zero", torch.zeros((), dtype=torch.int8))
        self.one_scale = bool((layer.scale == layer.scale[0]).all())

    def forward(self, ids: Tensor) -> Tensor:
        """Look up `ids`."""
        values = F.embedding(ids, self.table)
        if not self.one_scale:
            return values.float() * self.scale
        return symbolic("DequantizeLinear", (values, self.scale[0], self.zero), values.shape)


class OnnxGlobalAveragePool(nn.Module):
    """GlobalAveragePool, which has an integer kernel; a mean over two axes has none."""

    def __init__(self, pool: GlobalAveragePool) -> None:
        super().__init__()
        self.keep_axes = pool.keep_axes

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean over the two image axes."""
        pooled = symbolic("GlobalAveragePool", (x,), (x.shape[0], x.shape[1], 1, 1))
        return pooled if self.keep_axes else pooled.flatten(1)


class OnnxGlobalMaxPool(nn.Module):
    """MaxPool over the whole image, which has a vectorized integer kernel; ReduceMax has none."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the largest value of each channel, (n, C, 1, 1)."""
        return symbolic("MaxPool", (x,), (*x.shape[:2], 1, 1), kernel_shape=list(x.shape[2:]))
