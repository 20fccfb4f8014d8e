"""Layers with integer weights: convolution, linear, embedding.

In training they compute on fake-quantized float weights. In evaluation they compute what the
integer kernel computes: integer inputs times integer weights plus an integer bias, exact in
float32 as long as the sum stays under 2**24, and one multiplication at the end. So what is
simulated is what runs.

How large an integer weight may be is told in `thresher.core.exported.portability`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from thresher.core.exported.portability import weight_top

from .fake import learned_step

_TINY = 1e-12
_BIAS_LIMIT = 2.0**30
_FULL_BITS = 8


class QuantizedWeights(nn.Module):
    """A float weight, its symmetric per-channel grid, and an optional bias.

    Parameters
    ----------
    layer : nn.Conv1d, nn.Conv2d or nn.Linear
        Its values are shared, not copied.
    bits : int
        2 to 8.
    weight_range : {"portable", "full"}
        The grid is [−top, top] with the `weight_top` of both.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None
    weight_scale: nn.Parameter
    clip: Tensor

    def __init__(
        self,
        layer: nn.Conv1d | nn.Conv2d | nn.Linear,
        bits: int = 8,
        *,
        weight_range: str = "portable",
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(layer.weight)
        self.bias = None if layer.bias is None else nn.Parameter(layer.bias)
        self.top = weight_top(bits, weight_range)
        self.bits, self.weight_range = bits, weight_range
        self.enabled = False
        self.learned = False
        channels = self.weight.shape[0]
        self.register_buffer("clip", torch.ones(channels))
        self.weight_scale = nn.Parameter(torch.ones(channels), requires_grad=False)

    def scales(self, input_scale: Tensor) -> Tensor:
        """Return the scale of each output channel, float32 (C,)."""
        if self.learned:
            scale: Tensor = self.weight_scale
        else:
            largest = self.weight.detach().float().abs().flatten(1).amax(1)
            scale = largest * self.clip / self.top
        # A channel of near-zero weights would need a bias beyond 32 bits.
        floor = torch.full_like(scale, _TINY)
        if self.bias is not None:
            floor = self.bias.detach().float().abs() / (input_scale.detach() * _BIAS_LIMIT) + floor
        return torch.maximum(scale, floor)

    def learn_scale(self, learned: bool) -> None:
        """Let the scales learn from where they are now, or keep what they have learned."""
        largest = self.weight.detach().float().abs().flatten(1).amax(1).clamp_min(_TINY)
        if learned:
            self.weight_scale.data.copy_(largest * self.clip / self.top)
        elif self.learned:
            self.clip.copy_(self.weight_scale.detach() * self.top / largest)
        self.learned = learned
        self.weight_scale.requires_grad_(learned)

    def integer_weight(self, scale: Tensor) -> Tensor:
        """Return the weights as integers kept in float32, same shape as the weight."""
        column = _column(scale, self.weight)
        return (self.weight.detach().float() / column).round().clamp(-self.top, self.top)

    def integer_bias(self, scale: Tensor, input_scale: Tensor) -> Tensor | None:
        """Return the bias as integers kept in float64, (C,)."""
        if self.bias is None:
            return None
        return (self.bias.detach().double() / (scale.double() * input_scale.double())).round()

    def search_clip(self, candidates: int = 40) -> None:
        """Choose for each channel the clipping that has the least squared error."""
        weight = self.weight.detach().float().flatten(1)
        largest = weight.abs().amax(1, keepdim=True).clamp_min(_TINY)
        best = torch.full((len(weight),), float("inf"), device=weight.device)
        for step in range(candidates):
            share = 1 - step / (candidates * 1.25)
            scale = largest * share / self.top
            error = ((weight / scale).round().clamp(-self.top, self.top) * scale - weight) ** 2
            better = error.sum(1) < best
            best = torch.where(better, error.sum(1), best)
            self.clip[better] = share

    def forward(self, x: Tensor, input_scale: Tensor) -> Tensor:
        """Compute the layer on `x`, which lies on the grid of `input_scale`."""
        if not self.enabled:
            return self.compute(x, self.weight, self.bias)
        scale = self.scales(input_scale)
        if self.training:
            return self.compute(x, self._fake_weight(scale), self.bias)
        return self._integer_forward(x, scale, input_scale)

    def _fake_weight(self, scale: Tensor) -> Tensor:
        weight = self.weight.float()
        if self.learned:
            column = _column(scale, weight)
            zero = torch.zeros((), device=weight.device)
            return learned_step(weight, column, zero, low=-self.top, high=self.top)
        zeros = torch.zeros_like(scale, dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(weight, scale, zeros, 0, -self.top, self.top)

    def _integer_forward(self, x: Tensor, scale: Tensor, input_scale: Tensor) -> Tensor:
        steps = (x.float() / input_scale).round_()
        with torch.autocast(x.device.type, enabled=False):
            total = self.compute(steps, self.integer_weight(scale), None)
        shape = self.channel_shape(total)
        bias = self.integer_bias(scale, input_scale)
        if bias is not None:
            total = total.add_(bias.float().view(shape))
        return total * (scale * input_scale).view(shape)

    def compute(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Apply the float operator."""
        raise NotImplementedError

    def channel_shape(self, output: Tensor) -> tuple[int, ...]:
        """Return the shape in which a (C,) tensor broadcasts to the output."""
        raise NotImplementedError


class QuantizedConv(QuantizedWeights):
    """Convolution over one or two axes with zero padding."""

    def __init__(
        self, layer: nn.Conv1d | nn.Conv2d, bits: int = 8, *, weight_range: str = "portable"
    ) -> None:
        super().__init__(layer, bits, weight_range=weight_range)
        self.stride, self.padding = layer.stride, layer.padding
        self.dilation, self.groups = layer.dilation, layer.groups
        self.operator = F.conv1d if isinstance(layer, nn.Conv1d) else F.conv2d

    def compute(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve."""
        return self.operator(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)

    def channel_shape(self, output: Tensor) -> tuple[int, ...]:
        """Channels are the second axis."""
        return (1, -1) + (1,) * (output.dim() - 2)


class QuantizedLinear(QuantizedWeights):
    """Linear layer over the last axis."""

    def compute(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Multiply by the transposed weight."""
        return F.linear(x, weight, bias)

    def channel_shape(self, output: Tensor) -> tuple[int, ...]:
        """Channels are the last axis."""
        return (1,) * (output.dim() - 1) + (-1,)


class QuantizedEmbedding(nn.Module):
    """Embedding table in integers, whose scale is fixed when it is made.

    Entries are looked up, not summed in integers, so that they use the whole range of their bits.

    At 8 bits the whole table has one scale, which ONNX Runtime applies several times faster than
    one scale for each column; with fewer bits each column has its own.
    """

    weight: nn.Parameter
    scale: Tensor

    def __init__(self, layer: nn.Embedding, bits: int = 8) -> None:
        super().__init__()
        self.weight = nn.Parameter(layer.weight)
        self.padding_idx = layer.padding_idx
        self.top = 2 ** (bits - 1) - 1
        self.bits = bits
        self.enabled = False
        self.register_buffer("scale", torch.ones(layer.embedding_dim))
        self.fit_scale()

    def fit_scale(self) -> None:
        """Take the scales from the largest entry, of each column or of all."""
        largest = self.weight.detach().float().abs().amax(0)
        if self.bits == _FULL_BITS:
            largest = largest.max().expand_as(largest)
        self.scale.copy_(largest.clamp_min(_TINY) / self.top)

    def integer_weight(self) -> Tensor:
        """Return the table as integers kept in float32, (n, d)."""
        return (self.weight.detach().float() / self.scale).round().clamp(-self.top, self.top)

    def forward(self, ids: Tensor) -> Tensor:
        """Look up `ids`, int64 (…), and return float32 (…, d)."""
        rows = F.embedding(ids, self.weight, self.padding_idx)
        if not self.enabled:
            return rows
        zeros = torch.zeros_like(self.scale, dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(
            rows.float(), self.scale, zeros, rows.dim() - 1, -self.top, self.top
        )


def _column(scale: Tensor, weight: Tensor) -> Tensor:
    return scale.view(-1, *[1] * (weight.dim() - 1))
