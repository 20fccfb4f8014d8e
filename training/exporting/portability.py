"""Whether an integer file gives the same answers on this machine as on others.

Files whose weights lie within ±64 do on every processor (`quantization.layers`). Those with wider
weights, and those that were written before the bound was kept, do where kernels add in 32 bits.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thresher.core.cpu import instruction_sets, saturates_int8
from thresher.core.errors import GateError, ThresherWarning

from ..quantization.layers import PORTABLE_TOP, weight_top

_INTEGER = 8


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
