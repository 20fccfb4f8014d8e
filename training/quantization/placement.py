"""Where values are rounded: the rules under which ONNX Runtime fuses into integer kernels.

Every input of a convolution, linear layer, residual addition, concatenation and pooling is
rounded, and the output of all of them but the linear layer. Between a layer and the ReLU that
alone uses it nothing is rounded: with unsigned integers the zero point absorbs the ReLU. Nodes
that only move values (flatten, max pooling) keep the grid of their input. Logits stay in float.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from torch import Tensor, fx, nn

from .ends import end_layers
from .fake import ActivationQuantizer
from .folding import called_module
from .kinds import keeps_axes, kind
from .layers import QuantizedConv, QuantizedEmbedding, QuantizedLinear

_WEIGHTED = ("conv", "linear")
_ALWAYS_ROUNDED = ("conv", "add", "cat", "pool", "global_pool")
_FROM_CONVOLUTION = ("conv", "relu", "add", "cat", "pool", "global_pool", "same")


class GlobalAveragePool(nn.Module):
    """Mean over the two image axes."""

    def __init__(self, *, keep_axes: bool) -> None:
        super().__init__()
        self.keep_axes = keep_axes

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, C, 1, 1), or (n, C) without `keep_axes`."""
        return x.mean((2, 3), keepdim=self.keep_axes)


class Placement:
    """Rewrites one traced graph in place so that it simulates integer arithmetic.

    Parameters
    ----------
    graph : fx.GraphModule
        From `trace`.
    weight_bits, activation_bits : int
    keep_float : collection of str
        Layers, or modules that hold layers, that stay in float.
    layer_bits : mapping of str to int, optional
        Weight bits of single layers.
    sensitive_bits : int
        As in `prepare`.
    weight_range : {"portable", "full"}
        As in `prepare`.
    pixels : fx.Node, optional
        A node whose values are on an integer grid already, from `fold_pixels`.
    """

    def __init__(
        self,
        graph: fx.GraphModule,
        *,
        weight_bits: int = 8,
        activation_bits: int = 8,
        keep_float: Collection[str] = (),
        layer_bits: Mapping[str, int] | None = None,
        sensitive_bits: int = 8,
        weight_range: str = "portable",
        pixels: fx.Node | None = None,
    ) -> None:
        self.graph = graph
        self.weight_bits, self.activation_bits = weight_bits, activation_bits
        self.weight_range = weight_range
        self.keep_float = set(keep_float)
        self.layer_bits = layer_bits or {}
        self.kinds = {node: self._kind(node) for node in graph.graph.nodes}
        self.rounded: dict[fx.Node, fx.Node] = {} if pixels is None else {pixels: pixels}
        self.float_layers: list[str] = []
        self.sensitive_bits = sensitive_bits
        self.ends = end_layers(graph, self.kinds, keep_float=keep_float)
        self.multiplied = {
            source
            for node, name in self.kinds.items()
            if name in _WEIGHTED and node not in self.ends
            for source in self._moved_from(node)
        }

    def run(self) -> fx.GraphModule:
        """Place the quantizers, swap the layers, and return the same graph module."""
        self._settle_additions()
        for node in list(self.graph.graph.nodes):
            if node not in self.kinds:
                continue
            if self.kinds[node] == "global_pool":
                self._swap_pool(node)
            if self._rounds_inputs(node):
                self._round_inputs(node)
            if self._rounds_output(node):
                self._round(node, everywhere=True)
        self._swap_layers()
        self.graph.delete_all_unused_submodules()
        self.graph.graph.lint()
        self.graph.recompile()
        return self.graph

    def _kind(self, node: fx.Node) -> str:
        found = kind(self.graph, node)
        name = str(node.target)
        parts = {name.rsplit(".", cut)[0] for cut in range(name.count(".") + 1)}
        if found not in (*_WEIGHTED, "embedding"):
            return found
        # A layer that is called twice has two input grids, and its integer bias fits only one.
        shared = sum(other.target == node.target for other in self.graph.graph.nodes) > 1
        return "other" if shared or not parts.isdisjoint(self.keep_float) else found

    def _moved_from(self, node: fx.Node) -> Iterator[fx.Node]:
        """Go back over the values that `node` reads: what only moves keeps its grid."""
        source = node.args[0]
        while isinstance(source, fx.Node):
            yield source
            source = source.args[0] if self.kinds[source] == "same" else None

    def _settle_additions(self) -> None:
        """Leave in float what does not come from convolutions: masks, positions, text residuals."""
        inside: set[fx.Node] = set()
        for node in self.graph.graph.nodes:
            name = self.kinds[node]
            sources = node.all_input_nodes
            if name == "conv":
                inside.add(node)
            elif name in _FROM_CONVOLUTION:
                whole = bool(sources) and all(source in inside for source in sources)
                lone_add = name == "add" and len(sources) < 2
                if whole and not lone_add:
                    inside.add(node)
                elif name != "relu" and name != "same":
                    self.kinds[node] = "other"

    def _rounds_inputs(self, node: fx.Node) -> bool:
        return self.kinds[node] in (*_WEIGHTED, "add", "cat", "pool", "global_pool")

    def _rounds_output(self, node: fx.Node) -> bool:
        name = self.kinds[node]
        if name == "relu":
            source = node.args[0]
            return isinstance(source, fx.Node) and self._is_absorbed(source)
        if name not in _ALWAYS_ROUNDED or self._is_absorbed(node):
            return False
        return name == "conv" or not self._is_result(node)

    def _is_absorbed(self, node: fx.Node) -> bool:
        """Tell whether the only use of a rounded kind of node is a ReLU."""
        users = list(node.users)
        return (
            self.kinds.get(node) in _ALWAYS_ROUNDED
            and len(users) == 1
            and self.kinds.get(users[0]) == "relu"
        )

    def _is_result(self, node: fx.Node) -> bool:
        """Tell whether the value leaves the network without further arithmetic."""
        return all(
            user.op == "output" or (self.kinds.get(user) == "same" and self._is_result(user))
            for user in node.users
        )

    def _round_inputs(self, node: fx.Node) -> None:
        sources = node.all_input_nodes
        if self.kinds[node] in _WEIGHTED:
            sources = sources[:1]
        for source in sources:
            if source.op != "get_attr":
                node.replace_input_with(source, self._round(source))

    def _round(self, node: fx.Node, *, everywhere: bool = False) -> fx.Node:
        """Return the node that rounds the value of `node`, made on first use."""
        if node in self.rounded.values():
            return node
        if node not in self.rounded:
            self.rounded[node] = self._make_quantizer(node)
        quantizer = self.rounded[node]
        if everywhere:
            node.replace_all_uses_with(quantizer, delete_user_cb=lambda user: user is not quantizer)
        return quantizer

    def _make_quantizer(self, node: fx.Node) -> fx.Node:
        source = node.args[0] if node.args else None
        if self.kinds.get(node) == "same" and isinstance(source, fx.Node):
            before = source if source in self.rounded.values() else self._round(source)
            node.replace_input_with(source, before)
            target = str(before.target)
        else:
            target = f"quantizer_{len(self.rounded)}"
            least = 0 if node in self.multiplied else self.sensitive_bits
            bits = max(self.activation_bits, least)
            self.graph.add_submodule(target, ActivationQuantizer(bits))
        with self.graph.graph.inserting_after(node):
            return self.graph.graph.call_module(target, (node,))

    def _swap_pool(self, node: fx.Node) -> None:
        target = f"global_pool_{node.name}"
        self.graph.add_submodule(target, GlobalAveragePool(keep_axes=keeps_axes(node)))
        node.op, node.target = "call_module", target
        node.args, node.kwargs = (node.args[0],), {}

    def _swap_layers(self) -> None:
        swapped: dict[str, nn.Module] = {}
        for node in list(self.graph.graph.nodes):
            layer = called_module(self.graph, node)
            if self.kinds.get(node) in (*_WEIGHTED, "embedding") and layer is not None:
                name = str(node.target)
                if name not in swapped:
                    swapped[name] = self._quantized(layer, name, is_end=node in self.ends)
                if self.kinds[node] in _WEIGHTED:
                    self._pass_scale(node)
            elif isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Linear, nn.Embedding)):
                self.float_layers.append(str(node.target))
        self.float_layers = list(dict.fromkeys(self.float_layers))
        for name, module in swapped.items():
            self.graph.add_submodule(name, module)

    def _quantized(self, layer: nn.Module, name: str, *, is_end: bool) -> nn.Module:
        bits = self.layer_bits.get(name, self.weight_bits)
        if is_end and name not in self.layer_bits and bits < self.sensitive_bits:
            # Fewer bits never saturate, and more for the ends alone shall not change that.
            return _quantized(layer, self.sensitive_bits, "portable")
        return _quantized(layer, bits, self.weight_range)

    def _pass_scale(self, node: fx.Node) -> None:
        quantizer = node.args[0]
        assert isinstance(quantizer, fx.Node)
        with self.graph.graph.inserting_before(node):
            scale = self.graph.graph.get_attr(f"{quantizer.target}.scale")
        node.args = (quantizer, scale)


def _quantized(layer: nn.Module, bits: int, weight_range: str) -> nn.Module:
    if isinstance(layer, nn.Embedding):
        return QuantizedEmbedding(layer, bits)
    if isinstance(layer, nn.Linear):
        return QuantizedLinear(layer, bits, weight_range=weight_range)
    assert isinstance(layer, (nn.Conv1d, nn.Conv2d))
    return QuantizedConv(layer, bits, weight_range=weight_range)
