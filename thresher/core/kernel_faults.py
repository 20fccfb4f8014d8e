"""Known faults in the gradients of CPU kernels below PyTorch, and the way around each.

`KERNEL_FAULTS` has one entry for each fault, with the versions it is in, the report upstream, and a
program that shows it. An entry is deleted when the oldest PyTorch that we allow is free of it.
``benchmarks/training_gradients.py`` looks for more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

Version = tuple[int, ...]
_LISTED = 3
_BLOCK = 16
_SMALL_BLOCK = 8


@dataclass(frozen=True)
class KernelFault:
    """A kernel whose weight gradient is wrong, or ends the process, with channels last in memory.

    Attributes
    ----------
    name : str
        The layers that it concerns, in words.
    report : str
        Upstream, as ``owner/repository#number``.
    since, until : tuple of int
        Versions of oneDNN: the first one known to have it, and the first one without it; `until` is
        empty while there is none.
    concerns : callable
        ``(weight shape, stride, padding, groups)`` of a convolution, at any size of its input.
    everywhere : callable
        The same, for those layers of them that are hit on every x86 CPU and at most sizes; these
        networks are trained with contiguous memory as a whole.
    probe : str
        A program of PyTorch alone that leaves with 0 if the gradient is right; it may also abort or
        hang. With ``ONEDNN_MAX_CPU_ISA=AVX2`` and one thread it shows the fault on any x86 CPU.
    """

    name: str
    report: str
    since: Version
    until: Version
    concerns: Callable[[Sequence[int], Sequence[int], Sequence[int], int], bool]
    everywhere: Callable[[Sequence[int], Sequence[int], Sequence[int], int], bool]
    probe: str

    def is_in(self, version: Version) -> bool:
        """Tell whether a version of oneDNN has the fault."""
        return version >= self.since and (not self.until or version < self.until)

    @property
    def reason(self) -> str:
        """Say why another layout is taken."""
        return f"oneDNN's gradient of {self.name} is wrong with channels last ({self.report})"


def _narrow_strided(
    block: int,
) -> Callable[[Sequence[int], Sequence[int], Sequence[int], int], bool]:
    def concerns(
        shape: Sequence[int], stride: Sequence[int], padding: Sequence[int], groups: int
    ) -> bool:
        return (
            groups == 1
            and shape[1] < block
            and set(shape[2:]) == {1}
            and max(stride) > 1
            and not any(padding)
        )

    return concerns


# The workspace for one input pixel of each output pixel holds whole blocks of 8 channels (AVX2) or
# 16 (AVX-512) where only the layer's channels have room. Measured on oneDNN 3.12 with channels
# last: AVX2 kernels write past it with 2 to 7 channels at any size that the stride divides,
# AVX-512 kernels with 2 to 15 channels at 1,024 output pixels and not at 576.
KERNEL_FAULTS = (
    KernelFault(
        name="1 x 1 convolutions of few channels with a stride",
        report="uxlfoundation/oneDNN#6035",
        since=(3, 0),
        until=(),
        concerns=_narrow_strided(_BLOCK),
        everywhere=_narrow_strided(_SMALL_BLOCK),
        probe="""
import torch
pixels = torch.randn(32, 4, 32, 32).to(memory_format=torch.channels_last)
weight = torch.randn(8, 4, 1, 1).requires_grad_()
torch.nn.functional.conv2d(pixels, weight, stride=2).square().sum().backward()
exact = weight.detach().double().requires_grad_()
torch.nn.functional.conv2d(pixels.double(), exact, stride=2).square().sum().backward()
raise SystemExit(not torch.allclose(weight.grad.double(), exact.grad, rtol=1e-3))
""",
    ),
)


@cache
def onednn_version() -> Version:
    """Return the version of oneDNN in this build of PyTorch; empty if there is none."""
    found = re.search(r"DNN v(\d+(?:\.\d+)*)", torch.__config__.show())
    return tuple(map(int, found[1].split("."))) if found else ()


def present_faults() -> tuple[KernelFault, ...]:
    """Return the faults that this build of PyTorch has."""
    return tuple(fault for fault in KERNEL_FAULTS if fault.is_in(onednn_version()))


def faulty_layers(model: nn.Module) -> dict[str, KernelFault]:
    """Return the layers that a fault hits on every CPU, by their names in `model`.

    A layer is known by its weight and its ``stride``, whatever its class.
    """
    found = {}
    for name, layer in model.named_modules():
        weight, stride = getattr(layer, "weight", None), getattr(layer, "stride", None)
        if not isinstance(weight, Tensor) or weight.ndim != 4 or not isinstance(stride, tuple):
            continue
        padding, groups = getattr(layer, "padding", (0,)), getattr(layer, "groups", 1)
        if isinstance(padding, str):  # "same" takes no stride, and "valid" is none
            padding = (0,)
        for fault in present_faults():
            if fault.everywhere(weight.shape, stride, padding, groups):
                found[name] = fault
    return found


def told(layers: dict[str, KernelFault]) -> str:
    """Say in a sentence which layers have a fault, and why that matters."""
    names = ", ".join(list(layers)[:_LISTED])
    more = len(layers) - _LISTED
    names += f" and {more} more" if more > 0 else ""
    reasons = sorted({fault.reason for fault in layers.values()})
    return f"{names}: {'; '.join(reasons)}"


class GradientGuard(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within it, convolutions that a fault concerns get contiguous memory in the backward pass.

    Attributes
    ----------
    met : KernelFault or None
        That concerns an operation seen so far, whatever its layout was.
    mended : int
        Operations that came with another layout and were given contiguous copies.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.met: KernelFault | None = None
        self.mended = 0
        self._faults = present_faults()

    def watch(self, *, first: bool) -> AbstractContextManager[Any]:
        """Return the guard for a first pass, and once it has mended something; else nothing.

        So a network that no fault concerns pays for its first pass alone.
        """
        return self if first or self.mended else nullcontext()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Compute one operation."""
        if func is torch.ops.aten.convolution_backward.default and args[1].device.type == "cpu":
            args = self._safe(args)
        return func(*args, **(kwargs or {}))

    def _safe(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        gradient, inputs, weight, _, stride, padding, _, transposed, _, groups = args[:10]
        for fault in self._faults:
            if not transposed and fault.concerns(weight.shape, stride, padding, groups):
                self.met = fault
                plain = [_contiguous(tensor) for tensor in (gradient, inputs, weight)]
                if plain[1] is not inputs or plain[2] is not weight:
                    self.mended += 1
                return (*plain, *args[3:])
        return args


def _contiguous(tensor: Tensor) -> Tensor:
    """Return the tensor with the last axis innermost, also where size 1 lets a layout be both."""
    if tensor.stride() == torch.empty(tensor.shape, device="meta").stride():
        return tensor
    return tensor.clone(memory_format=torch.contiguous_format)
