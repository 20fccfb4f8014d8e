"""Whether training computes in bfloat16, and why."""

from __future__ import annotations

import torch
from torch import nn

from thresher.core.choice import Choice
from thresher.core.counted import percent
from thresher.core.errors import check_choice

PRECISIONS = ("auto", "fp32", "bf16")
_WIDE = 16
_MOSTLY = 0.5


def choose_precision(model: nn.Module, precision: str = "auto", *, device: str = "cpu") -> Choice:
    """Choose ``"fp32"`` or ``"bf16"`` (autocast; weights stay float32).

    On CPUs with bfloat16 instructions, dense convolutions of 16 channels and more train 1.1 to
    1.8 times faster in bfloat16; depthwise ones, small linear layers and older CPUs slower. The
    rule looks at the machine and the layers, not at a clock, so that a machine always decides
    alike.
    """
    check_choice("precision", precision, PRECISIONS)
    if precision != "auto":
        return Choice(precision, "asked for")
    found = _choose(model, device=device)
    return Choice(found.value, f"{found.reason}; `precision` sets it")


def _choose(model: nn.Module, *, device: str) -> Choice:
    if device == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Choice("bf16", "the GPU computes bfloat16 natively")
        return Choice("fp32", "this GPU has no bfloat16 units")
    if not cpu_computes_bf16():
        return Choice("fp32", "this CPU has no bfloat16 instructions")
    share = _dense_share(model)
    if share < _MOSTLY:
        return Choice("fp32", f"only {percent(share)} of the weights are wide dense convolutions")
    return Choice(
        "bf16", f"bfloat16 CPU, and {percent(share)} of the weights are dense convolutions"
    )


def cpu_computes_bf16() -> bool:
    """Tell whether this processor has bfloat16 instructions."""
    known: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16") or known.get("bf16"))


def _dense_share(model: nn.Module) -> float:
    dense = sum(
        layer.weight.numel()
        for layer in model.modules()
        if isinstance(layer, nn.Conv2d)
        and layer.groups == 1
        and min(layer.in_channels, layer.out_channels) >= _WIDE
        and layer.kernel_size != (1, 1)
    )
    total = sum(parameter.numel() for parameter in model.parameters())
    return dense / max(total, 1)
