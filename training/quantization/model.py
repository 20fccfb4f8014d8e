"""The quantized model: a plain module that computes in float what integers will compute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx, nn

from thresher.core.choice import Choice
from thresher.core.exported.portability import weight_top

from .fake import ActivationQuantizer
from .layers import QuantizedEmbedding, QuantizedWeights


@dataclass(frozen=True)
class LayerBits:
    """One layer of a quantized model: its name, its kind, its weight bits (32 = float)."""

    name: str
    kind: str
    weight_bits: int


class QuantizedModel(nn.Module):
    """Simulates an integer network; trains like any module, and `export` writes what it simulates.

    Attributes
    ----------
    graph : torch.fx.GraphModule
        The rewritten network.
    spec : object or None
        That of the float model.
    weight_bits, activation_bits : int
    weight_range : {"portable", "full"}
    float_layers : list of str
        Layers that compute in float.
    end_layers : list of str
        The first and the last ones, which may have more bits than the others.
    choices : dict of str to Choice
        What was chosen automatically, and why.
    """

    def __init__(
        self,
        graph: fx.GraphModule,
        *,
        spec: Any = None,
        weight_bits: int = 8,
        activation_bits: int = 8,
        weight_range: str = "portable",
        float_layers: list[str] | None = None,
        end_layers: list[str] | None = None,
    ) -> None:
        super().__init__()
        self.graph = graph
        self.spec = spec
        self.weight_bits, self.activation_bits = weight_bits, activation_bits
        self.weight_range = weight_range
        self.float_layers = float_layers or []
        self.end_layers = end_layers or []
        self.choices: dict[str, Choice] = {}

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits, float32 (n, C)."""
        logits: Tensor = self.graph(inputs)
        return logits

    def quantizers(self) -> Iterator[ActivationQuantizer]:
        """Go over the places where activations are rounded."""
        yield from (m for m in self.graph.modules() if isinstance(m, ActivationQuantizer))

    def weighted(self) -> Iterator[QuantizedWeights]:
        """Go over the convolutions and linear layers with integer weights."""
        yield from (m for m in self.graph.modules() if isinstance(m, QuantizedWeights))

    @property
    def weight_bound(self) -> int:
        """The largest integer weight that a convolution or linear layer may hold."""
        tops = (weight_top(layer.bits, layer.weight_range) for layer in self.weighted())
        return max(tops, default=0)

    @property
    def rounded_to(self) -> list[int]:
        """The bits that activations have somewhere, ascending."""
        return sorted({quantizer.bits for quantizer in self.quantizers()})

    def set_mode(self, mode: str) -> None:
        """Set every quantizer to ``off``, ``see``, ``count`` or ``quantize`` (weights likewise)."""
        for quantizer in self.quantizers():
            quantizer.mode = mode
        for layer in self.graph.modules():
            if isinstance(layer, (QuantizedWeights, QuantizedEmbedding)):
                layer.enabled = mode == "quantize"

    def layers(self) -> list[LayerBits]:
        """List the layers that hold weights."""
        found = []
        for name, module in self.graph.named_modules():
            if isinstance(module, (QuantizedWeights, QuantizedEmbedding)):
                found.append(LayerBits(name, type(module).__name__, module.bits))
            elif name in self.float_layers:
                found.append(LayerBits(name, type(module).__name__, 32))
        return found
