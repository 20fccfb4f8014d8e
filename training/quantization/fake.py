"""Fake quantization: round to the integer grid, stay in float, let gradients pass.

Straight-through gradients: Bengio et al. (2013). Learned step size: Esser et al. (2020), "Learned
step size quantization" (LSQ). The integer grid is that of ONNX QuantizeLinear: round half to even,
add the zero point, saturate.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .ranges import RangeObserver, affine


class _LearnedStep(torch.autograd.Function):
    """q(x) = (clip(round(x / s) + z, low, high) − z) · s, with LSQ's gradient for s."""

    @staticmethod
    def forward(
        context: Any, x: Tensor, scale: Tensor, zero_point: Tensor, low: int, high: int
    ) -> Tensor:
        steps = x / scale
        grid = torch.round(steps) + zero_point
        inside = (grid >= low) & (grid <= high)
        grid = grid.clamp_(low, high) - zero_point
        # ∂q/∂s is grid − x/s inside the range and grid outside.
        context.save_for_backward(inside, grid - steps * inside)
        context.scale_shape = scale.shape
        context.steps = high - low
        return grid * scale

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        inside, slope = context.saved_tensors
        for_scale = (gradient * slope).sum_to_size(context.scale_shape)
        each = slope.numel() / max(for_scale.numel(), 1)
        return gradient * inside, for_scale / (each * context.steps) ** 0.5, None, None, None


def learned_step(x: Tensor, scale: Tensor, zero_point: Tensor, *, low: int, high: int) -> Tensor:
    """Fake-quantize `x` with a scale that learns; `scale` and `zero_point` broadcast to `x`."""
    quantized: Tensor = _LearnedStep.apply(x, scale, zero_point, low, high)  # type: ignore[no-untyped-call]
    return quantized


def rounded(x: Tensor, scale: Tensor, zero_point: Tensor, *, top: int) -> Tensor:
    """Return `x`, float32, on the grid of unsigned integers up to `top`, without gradients.

    The bits of ``torch.fake_quantize_per_tensor_affine``, whose kernel also keeps what gradients
    need and takes a third to a half of a simulation's time.
    """
    steps = (x * (1 / scale)).round_().add_(zero_point)
    return steps.clamp_(0, top).sub_(zero_point).mul_(scale)


class ActivationQuantizer(nn.Module):
    """Rounds activations to unsigned integers with one scale and one zero point.

    Parameters
    ----------
    bits : int
        Width of the unsigned integers, 2 to 8.

    Attributes
    ----------
    scale : Parameter, float32, shape ()
        Learns only after `learn()`.
    zero_point : buffer, int32, shape ()
    mode : {"off", "see", "count", "quantize"}
        ``off`` passes values through, ``see`` and ``count`` fill the observer.
    """

    scale: nn.Parameter
    zero_point: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, bits: int = 8) -> None:
        super().__init__()
        self.bits, self.top = bits, 2**bits - 1
        self.mode = "off"
        self.follow = False
        self.observer: RangeObserver | None = RangeObserver()
        self.scale = nn.Parameter(torch.ones(()), requires_grad=False)
        self.register_buffer("zero_point", torch.zeros((), dtype=torch.int32))
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.ones(()))

    def set_range(self, low: float, high: float) -> None:
        """Use the grid that covers [low, high] and 0."""
        scale, zero_point = affine(low, high, self.top)
        self.scale.data.fill_(scale)
        self.zero_point.fill_(zero_point)
        self.low.fill_(low)
        self.high.fill_(high)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` on the grid, in float32 (or as it is while calibrating)."""
        if self.mode == "quantize":
            return self._quantize(x.float())
        if self.mode != "off" and self.observer is not None:
            (self.observer.see if self.mode == "see" else self.observer.count)(x)
        return x

    def _quantize(self, x: Tensor) -> Tensor:
        if self.follow and self.training:
            self._follow(x.detach())
        if self.scale.requires_grad and torch.is_grad_enabled():
            return learned_step(x, self.scale, self.zero_point, low=0, high=self.top)
        if not torch.is_grad_enabled():
            return rounded(x, self.scale, self.zero_point, top=self.top)
        return torch.fake_quantize_per_tensor_affine(
            x, self.scale.detach(), self.zero_point, 0, self.top
        )

    def _follow(self, x: Tensor, momentum: float = 0.99) -> None:
        low, high = torch.aminmax(x)
        self.set_range(
            float(self.low.lerp(low, 1 - momentum)), float(self.high.lerp(high, 1 - momentum))
        )

    def extra_repr(self) -> str:
        """Show the grid."""
        return f"scale={float(self.scale):.4g}, zero_point={int(self.zero_point)}, top={self.top}"
