"""What learns while a quantized model is trained, in units in which a step is a share of it.

Adam's steps are of one length for all numbers. A first layer that takes pixels as they are holds
weights of a hundredth, and their step sizes are near 1e-5: a usual step throws them far beyond
zero. So step sizes learn as exponents (Jain et al. 2020, "Trained quantization thresholds"),
and weights in a unit in which they are as large as in a fresh layer (He et al. 2015).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization, remove_parametrizations

from .layers import QuantizedWeights
from .model import QuantizedModel

_TINY = 1e-12


class Exponent(nn.Module):
    """Positive numbers as what they start at times e to the power of what is learned.

    Parameters
    ----------
    start : Tensor
        Positive, of any shape.
    """

    start: Tensor

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.register_buffer("start", start.detach().clone())

    def forward(self, exponent: Tensor) -> Tensor:
        """Return the numbers."""
        return self.start * exponent.exp()

    def right_inverse(self, value: Tensor) -> Tensor:
        """Return the exponents that give `value`."""
        return (value / self.start).log()


class Unit(nn.Module):
    """Weights divided by their size beside that of a fresh layer.

    Parameters
    ----------
    weight : Tensor, shape (outputs, …)
    """

    unit: Tensor  # in the state, for what a checkpoint holds is in the unit that it began with

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        fresh = math.sqrt(2 / weight[0].numel())
        size = float(weight.detach().float().square().mean().sqrt())
        unit = torch.tensor(max(size, _TINY) / fresh, device=weight.device)
        self.register_buffer("unit", unit)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weights as they compute."""
        return weight * self.unit

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Return the weights as they learn."""
        return weight / self.unit


@contextmanager
def learned_steps(model: QuantizedModel) -> Iterator[None]:
    """Let the step sizes of a calibrated model learn, of weights by channel, and keep them."""
    layers = list(model.weighted())
    for layer in layers:
        layer.learn_scale(True)
    steps: list[tuple[nn.Module, str]] = [(found, "scale") for found in model.quantizers()]
    steps += [(layer, "weight_scale") for layer in layers]
    for module, name in steps:
        step = getattr(module, name).requires_grad_(True)
        register_parametrization(module, name, Exponent(step))
    with _in_units(layers):
        yield
    for module, name in steps:
        remove_parametrizations(module, name)
        getattr(module, name).requires_grad_(False)
    for layer in layers:
        layer.learn_scale(False)


@contextmanager
def followed_ranges(model: QuantizedModel) -> Iterator[None]:
    """Let the ranges of activations follow what is seen, and those of weights the largest one."""
    for quantizer in model.quantizers():
        quantizer.follow = True
    with _in_units(list(model.weighted())):
        yield
    for quantizer in model.quantizers():
        quantizer.follow = False


@contextmanager
def _in_units(layers: list[QuantizedWeights]) -> Iterator[None]:
    for layer in layers:
        register_parametrization(layer, "weight", Unit(layer.weight))
    yield
    for layer in layers:
        remove_parametrizations(layer, "weight")
