"""Whether an integer file gives the same answers on this machine as on others.

Kernels for AVX2, and for AVX-512 without VNNI, add two products of an unsigned input and a signed
weight in 16 bits and saturate. Weights within ±64 never reach that: 255 · (64 + 64) = 32,640 is at
most 32,767, whichever inputs a kernel pairs. It is the bound that ONNX Runtime's ``reduce_range``
and NNCF's overflow fix set. Weights of seven bits and fewer lie within ±63 by themselves. Files
with wider weights, and those that were written before the bound was kept, give the same answers
where kernels add in 32 bits.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..cpu import instruction_sets, saturates_int8
from ..errors import GateError, ThresherWarning, check_choice

WEIGHT_RANGES = ("portable", "full")
PORTABLE_TOP = 64
_INTEGER = 8


def weight_top(bits: int, weight_range: str = "portable") -> int:
    """Return the largest integer weight of a convolution or linear layer.

    Parameters
    ----------
    bits : int
        2 to 8.
    weight_range : {"portable", "full"}
        ``portable`` keeps sums of two products within 16 bits; ``full`` uses all of `bits`.
    """
    check_choice("weight_range", weight_range, WEIGHT_RANGES)
    whole = int(2 ** (bits - 1) - 1)
    return whole if weight_range == "full" else min(whole, PORTABLE_TOP)


def weight_bound(quantization: Mapping[str, Any] | None) -> int:
    """Return the largest integer weight that a file's description allows; 0 for a float model."""
    if quantization is None:
        return 0
    if "weight_bound" in quantization:
        return int(quantization["weight_bound"])
    # Files of older versions used the whole range of their bits and did not say so.
    bits = [bits for bits in quantization["layer_bits"].values() if bits <= _INTEGER]
    return max((weight_top(count, "full") for count in bits), default=0)


def find_inexactness(path: Path, quantization: Mapping[str, Any] | None) -> str | None:
    """Say why a file does not compute here what it was verified to compute, or return None.

    The machine is only asked (`saturates_int8`) for files that are not portable.
    """
    bound = weight_bound(quantization)
    if bound <= PORTABLE_TOP or not saturates_int8():
        return None
    return (
        f"{path} has 8-bit weights up to ±{bound}, and the integer kernels of this machine "
        f"({', '.join(instruction_sets()) or 'unknown instructions'}) add in 16 bits: sums "
        "saturate and answers differ from those on machines with VNNI or Arm. Quantize again with "
        "weight_range='portable' (the default), or take the float file here."
    )


def warn_if_inexact(path: Path, quantization: Mapping[str, Any] | None) -> None:
    """Warn of a file that is not exact on this machine."""
    found = find_inexactness(path, quantization)
    if found is not None:
        warnings.warn(found, ThresherWarning, stacklevel=3)


def require_exact(path: Path, quantization: Mapping[str, Any] | None) -> None:
    """Raise `GateError` for a file that is not exact on this machine."""
    found = find_inexactness(path, quantization)
    if found is not None:
        raise GateError(found)
