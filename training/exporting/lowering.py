"""From simulated rounding to ONNX operators: QuantizeLinear and DequantizeLinear pairs.

The exporter of PyTorch cannot translate fake quantization, so each simulating module is swapped
for one that names the ONNX operators itself.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from torch import Tensor, fx, nn

from ..quantization.fake import ActivationQuantizer
from ..quantization.layers import QuantizedConv, QuantizedEmbedding, QuantizedLinear
from ..quantization.model import QuantizedModel
from ..quantization.pixels import PixelInput
from ..quantization.placement import GlobalAveragePool
from .operators import (
    OnnxConv,
    OnnxEmbedding,
    OnnxGlobalAveragePool,
    OnnxGlobalMaxPool,
    OnnxLinear,
    OnnxPixels,
    OnnxRound,
)
from .pixel_stem import lower_stem
from .token_table import lower_tables


def lower(model: QuantizedModel, *, input_shape: Sequence[int]) -> nn.Module:
    """Return a copy of `model` that the ONNX exporter writes as an integer network.

    Parameters
    ----------
    model : QuantizedModel
    input_shape : sequence of int
        Of one row.
    """
    graph = copy.deepcopy(model.graph).eval().float().cpu()
    scales = {str(node.target): _take_scale(graph, node) for node in graph.graph.nodes}
    replaced: dict[str, nn.Module] = {}
    for name, module in graph.named_modules():
        lowered = _lowered(module, scales.get(name))
        if lowered is not None:
            replaced[name] = lowered
    replaced |= lower_stem(graph, scales, input_shape=input_shape)
    replaced |= lower_tables(graph)
    for name, module in replaced.items():
        graph.add_submodule(name, module)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph


def _take_scale(graph: fx.GraphModule, node: fx.Node) -> Tensor | None:
    """Remove the scale from the arguments of a layer and return its value."""
    last = node.args[-1] if len(node.args) > 1 else None
    if node.op != "call_module" or not isinstance(last, fx.Node) or last.op != "get_attr":
        return None
    owner, _, attribute = str(last.target).rpartition(".")
    node.args = node.args[:-1]
    value: Tensor = getattr(graph.get_submodule(owner), attribute)
    return value.detach().clone()


def _lowered(module: nn.Module, input_scale: Tensor | None) -> nn.Module | None:
    if isinstance(module, ActivationQuantizer):
        return OnnxRound(module)
    if isinstance(module, PixelInput):
        return OnnxPixels(module)
    if isinstance(module, QuantizedEmbedding):
        return OnnxEmbedding(module)
    if isinstance(module, GlobalAveragePool):
        return OnnxGlobalAveragePool(module)
    if isinstance(module, nn.AdaptiveMaxPool2d) and module.output_size in (1, (1, 1)):
        return OnnxGlobalMaxPool()
    if isinstance(module, QuantizedConv) and input_scale is not None:
        return OnnxConv(module, input_scale)
    if isinstance(module, QuantizedLinear) and input_scale is not None:
        return OnnxLinear(module, input_scale)
    return None
