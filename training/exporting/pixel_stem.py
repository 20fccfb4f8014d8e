"""The first convolution on blocks of 2 x 2 pixels, which ONNX Runtime computes faster.

The integer kernel gathers the inputs of a 3 x 3 convolution channel by channel, three bytes at a
time; for small networks that is a fifth of the whole time. Shifted into twelve channels at half
the size the same sums are a 2 x 2 convolution of stride 1 with direct kernels: 1.3 to 1.4 times
faster, equal to the bit (networks of 16 and 32 channels, 32 px, batch 64). The direct kernels begin
at 16 outputs: below, the moves cost more than they save, 6 to 8 % of a network of 8 or 12 channels
at batch 1 and 2 to 3 % at 64.

SpaceToDepth would do it, but ONNX Runtime has it on bytes only in its newest versions. Two moves,
first of the columns of a block and then of its rows, take 1 microsecond an image of 32 px more;
one move of both at once, which copies byte by byte, 10 more.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, fx, nn

from ..quantization.folding import called_module
from ..quantization.layers import QuantizedConv
from ..quantization.pixels import PixelInput
from .operators import OnnxPixels, OnnxWeights, symbolic

_BLOCK = 2
_FEW_CHANNELS, _LEAST_OUTPUTS = 4, 16


def to_blocks(pixels: Tensor) -> Tensor:
    """Return blocks as channels: (n, C, H, W) becomes (n, 4 · C, H / 2, W / 2).

    Channels are in the order (column in the block, color, row in the block).
    """
    _, channels, height, width = pixels.shape
    high, wide = height // _BLOCK, width // _BLOCK
    columns = pixels.reshape(-1, channels * height * wide, _BLOCK).transpose(1, 2)
    lines = columns.reshape(-1, _BLOCK * channels, high, _BLOCK, wide).transpose(2, 3)
    return lines.reshape(-1, channels * _BLOCK**2, high, wide)


class BlockPixels(OnnxPixels):
    """Blocks of the uint8 image as channels, and DequantizeLinear."""

    def forward(self, x: Tensor) -> Tensor:
        """Return pixel values minus the constant one, (n, 4 · C, H / 2, W / 2)."""
        return super().forward(to_blocks(x))


class BlockConv(nn.Module):
    """A 3 x 3 convolution of stride 2 as one of 2 x 2 and stride 1 on blocks of pixels."""

    def __init__(self, layer: QuantizedConv, input_scale: Tensor) -> None:
        super().__init__()
        self.constants = OnnxWeights(layer, input_scale)
        self.constants.weight = _over_blocks(self.constants.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve; the output has the size of the input."""
        weight, bias = self.constants.constants()
        inputs = (x, weight) if bias is None else (x, weight, bias)
        shape = (x.shape[0], weight.shape[0], *x.shape[2:])
        return symbolic("Conv", inputs, shape, pads=[1, 1, 0, 0], strides=[1, 1])


def _over_blocks(weight: Tensor) -> Tensor:
    """Rearrange (outputs, C, 3, 3) to (outputs, 4 · C, 2, 2) in the order of `to_blocks`."""
    outputs, channels = weight.shape[:2]
    # Output i reads rows 2i − 1 to 2i + 1: the lower row of one block and the next block.
    padded = nn.functional.pad(weight, (1, 0, 1, 0))
    split = padded.reshape(outputs, channels, _BLOCK, _BLOCK, _BLOCK, _BLOCK)
    moved = split.permute(0, 5, 1, 3, 2, 4)
    return moved.reshape(outputs, channels * _BLOCK**2, _BLOCK, _BLOCK).contiguous()


def lower_stem(
    graph: fx.GraphModule, scales: dict[str, Tensor | None], *, input_shape: Sequence[int]
) -> dict[str, nn.Module]:
    """Return the modules to put in place of pixels and first convolutions, if all allow it.

    Parameters
    ----------
    graph : fx.GraphModule
        Of a quantized model.
    scales : dict of str to Tensor or None
        Input scale of each layer by its name.
    input_shape : sequence of int
        Of one row.
    """
    for node in graph.graph.nodes:
        pixels = called_module(graph, node)
        if isinstance(pixels, PixelInput):
            layers = {str(user.target): called_module(graph, user) for user in node.users}
            if not all(_is_suitable(layer, input_shape) for layer in layers.values()):
                return {}
            found: dict[str, nn.Module] = {str(node.target): BlockPixels(pixels)}
            for name, layer in layers.items():
                scale = scales[name]
                assert isinstance(layer, QuantizedConv)
                assert scale is not None
                found[name] = BlockConv(layer, scale)
            return found
    return {}


def _is_suitable(layer: nn.Module | None, input_shape: Sequence[int]) -> bool:
    return (
        isinstance(layer, QuantizedConv)
        and layer.weight.shape[2:] == (3, 3)
        and layer.weight.shape[0] >= _LEAST_OUTPUTS
        and layer.weight.shape[1] <= _FEW_CHANNELS
        and (layer.stride, layer.padding, layer.dilation) == ((2, 2), (1, 1), (1, 1))
        and len(input_shape) == 3
        and all(size % _BLOCK == 0 for size in input_shape[1:])
    )
