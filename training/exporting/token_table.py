"""A token table on the grid of the layer that reads it, so that looking up is all that is left.

Entries of an integer table would become floats and be rounded to the grid of the next layer's
input for every token. Both are functions of one entry; the table in the file holds their result.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from ..quantization.fake import ActivationQuantizer
from ..quantization.folding import called_module
from ..quantization.layers import QuantizedEmbedding
from .operators import UINT8_TOP, symbolic

_MOVES = ("transpose", "permute", "unsqueeze", "squeeze", "contiguous")
_FULL_BITS = 8


class RoundedTable(nn.Module):
    """Look-up in a uint8 table whose scale and zero point are those of `quantizer`."""

    table: Tensor
    scale: Tensor
    zero_point: Tensor

    def __init__(self, layer: QuantizedEmbedding, quantizer: ActivationQuantizer) -> None:
        super().__init__()
        scale, zero_point = quantizer.scale.detach(), quantizer.zero_point
        with torch.no_grad():
            values = quantizer(layer.integer_weight() * layer.scale)
        integers = (values / scale).round() + zero_point
        self.register_buffer("table", integers.to(torch.uint8))
        self.register_buffer("scale", scale.clone())
        self.register_buffer("zero_point", zero_point.to(torch.uint8))

    def forward(self, ids: Tensor) -> Tensor:
        """Look up `ids`, int64 (…), and return the grid's values, float32 (…, d)."""
        rows = F.embedding(ids, self.table)
        return symbolic("DequantizeLinear", (rows, self.scale, self.zero_point), rows.shape)


def lower_tables(graph: fx.GraphModule) -> dict[str, nn.Module]:
    """Return the tables to put in place of embeddings that are rounded before all other use.

    Tables of fewer than eight bits stay as they are: their entries are stored in those bits.
    """
    found: dict[str, nn.Module] = {}
    for node in graph.graph.nodes:
        layer = called_module(graph, node)
        if not isinstance(layer, QuantizedEmbedding) or layer.bits != _FULL_BITS:
            continue
        quantizer = _rounded_by(graph, node)
        calls = [other for other in graph.graph.nodes if other.target == node.target]
        if quantizer is not None and len(calls) == 1:
            found[str(node.target)] = RoundedTable(layer, quantizer)
    return found


def _rounded_by(graph: fx.GraphModule, node: fx.Node) -> ActivationQuantizer | None:
    """Follow the values while they are only moved; return what rounds all of them, if anything."""
    while len(node.users) == 1:
        node = next(iter(node.users))
        reader = called_module(graph, node)
        if isinstance(reader, ActivationQuantizer):
            return reader if reader.top == UINT8_TOP else None
        if node.op != "call_method" or node.target not in _MOVES:
            return None
    return None
