"""A network of convolutions as an ONNX graph in 8-bit integers, without rows to calibrate on.

What normalization has seen in training bounds what comes out of each layer: the mean of a channel
and `REACH` standard deviations (M. Nagel et al., "Data-Free Quantization Through Weight
Equalization and Bias Correction", ICCV 2019); behind ReLU6 it is 0 to 6. Weights lie within ±64 by
channel, so that no kernel saturates (decision 15). Sums of blocks and their inputs have steps that
are powers of two: then scaling one to the other is exact, all else is whole numbers and single
products, and every processor gives the same bits.

Writing takes 0.05 CPU-seconds, less than a file in a cache would save.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import require
from .lite0 import Block, Layer, padding

LARGEST_WEIGHT, LARGEST_BYTE, CEILING = 64, 255, 6.0
# The offset of bytes that stand for numbers of both signs.
MIDDLE = 128
REACH = 6.0
# Whole numbers of a bias must fit 32 bits together with all products.
LARGEST_BIAS = 2**29
OPSET, IR_VERSION = 13, 8


@dataclass(frozen=True)
class Grid:
    """A tensor of bytes: its name, the step between two values, and the byte that stands for 0."""

    name: str
    step: float
    zero: int


@dataclass
class IntegerNetwork:
    """A graph that grows layer by layer.

    Attributes
    ----------
    side : int
        Pixels of the input, and then of what the last layer gives.
    nodes, constants : list
        Of ONNX.
    """

    side: int
    onnx: Any = field(default_factory=lambda: require("onnx", extra="encoders"))
    nodes: list[Any] = field(default_factory=list)
    constants: dict[tuple[str, tuple[int, ...], bytes], Any] = field(default_factory=dict)

    def block(self, block: Block, inputs: Grid, spread: _Spread) -> tuple[Grid, _Spread]:
        """Append a block; return what comes out, and how widely it is spread before ReLU6."""
        grid = inputs
        for layer in block.layers:
            grid = self._convolve(layer, grid)
        last = block.layers[-1]
        own = _Spread(last.mean, last.deviation**2)
        if not block.added:
            return grid, own
        own = _Spread(own.mean + spread.mean, own.variance + spread.variance)
        return self._add(inputs, grid, step=own.step), own

    def _convolve(self, layer: Layer, inputs: Grid) -> Grid:
        largest = np.abs(layer.weight).max(axis=(1, 2, 3)) / LARGEST_WEIGHT
        # A channel that is constant keeps its bias.
        least = np.abs(layer.bias) / (inputs.step * LARGEST_BIAS)
        steps = np.maximum(largest, least).astype(np.float32)
        weight = np.rint(layer.weight / steps[:, None, None, None]).astype(np.int8)
        bias = np.rint(layer.bias / (inputs.step * steps.astype(np.float64))).astype(np.int32)
        spread = _Spread(layer.mean, layer.deviation**2)
        step, zero = (CEILING / LARGEST_BYTE, 0) if layer.bounded else (spread.step, MIDDLE)
        grid = Grid(f"layer{len(self.nodes)}", float(np.float32(step)), zero)
        kernel = layer.weight.shape[-1]
        before, after, self.side = padding(self.side, kernel, layer.step)
        weights = [weight, steps, np.zeros(len(steps), np.int8)]
        named = [self._constant(values) for values in weights]
        names = [*self._names(inputs), *named, *self._names(grid)[1:]]
        self.nodes.append(
            self.onnx.helper.make_node(
                "QLinearConv",
                [*names, self._constant(bias)],
                [grid.name],
                kernel_shape=[kernel, kernel],
                strides=[layer.step] * 2,
                pads=[before, before, after, after],
                group=layer.groups,
            )
        )
        return grid

    def _add(self, first: Grid, second: Grid, *, step: float) -> Grid:
        grid = Grid(f"layer{len(self.nodes)}", step, MIDDLE)
        names = [*self._names(first), *self._names(second), *self._names(grid)[1:]]
        node = self.onnx.helper.make_node("QLinearAdd", names, [grid.name], domain="com.microsoft")
        self.nodes.append(node)
        return grid

    def _names(self, grid: Grid) -> list[str]:
        step = self._constant(np.array(grid.step, np.float32))
        return [grid.name, step, self._constant(np.array(grid.zero, np.uint8))]

    def _constant(self, values: np.ndarray) -> str:
        """Return the name of a constant, kept once."""
        key = (values.dtype.str, values.shape, values.tobytes())
        if key not in self.constants:
            name = f"constant{len(self.constants)}"
            self.constants[key] = self.onnx.numpy_helper.from_array(values, name)
        return str(self.constants[key].name)


@dataclass(frozen=True)
class _Spread:
    """Mean and variance of each channel."""

    mean: np.ndarray
    variance: np.ndarray

    @property
    def step(self) -> float:
        """A power of two of which 127 reach the farthest channel."""
        reach = (np.abs(self.mean) + REACH * np.sqrt(self.variance)).max()
        return float(2.0 ** np.ceil(np.log2(reach / (LARGEST_BYTE - MIDDLE))))


def write_network(blocks: Sequence[Block], *, side: int, step: float, zero: int) -> bytes:
    """Return an ONNX model from pixels, uint8 (n, 3, side, side), to the last layer's bytes.

    Parameters
    ----------
    blocks : sequence of Block
    side : int
    step, zero : float, int
        What a pixel stands for: ``(byte - zero) * step``.
    """
    return write_layers(blocks, side=side, step=step, zero=zero, shown=(len(blocks) - 1,))[0]


def write_layers(
    blocks: Sequence[Block], *, side: int, step: float, zero: int, shown: Sequence[int]
) -> tuple[bytes, tuple[Grid, ...]]:
    """Return such a model that gives the bytes of several blocks, and what these stand for.

    Parameters
    ----------
    blocks, side, step, zero
        As for `write_network`.
    shown : sequence of int
        Places of the blocks whose outputs the model has, in this order.
    """
    network = IntegerNetwork(side)
    grid, spread = Grid("pixels", step, zero), _Spread(np.zeros(1), np.zeros(1))
    helper = network.onnx.helper
    uint8 = network.onnx.TensorProto.UINT8
    inputs = helper.make_tensor_value_info("pixels", uint8, ["n", 3, side, side])
    grids, outputs = {}, {}
    for place, block in enumerate(blocks):
        grid, spread = network.block(block, grid, spread)
        shape = ["n", None, network.side, network.side]
        grids[place] = grid
        outputs[place] = helper.make_tensor_value_info(grid.name, uint8, shape)
    graph = helper.make_graph(
        network.nodes,
        "network",
        [inputs],
        [outputs[place] for place in shown],
        list(network.constants.values()),
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    return bytes(model.SerializeToString()), tuple(grids[place] for place in shown)
