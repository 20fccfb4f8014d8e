"""What this machine computes with, and what follows from it: instruction sets and their kernels."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any

import threadpoolctl

from ..core.cpu import instruction_sets, saturates_int8

# Variables that make a library take another processor's kernels.
SWITCHES = (
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_CBWR",
    "OPENBLAS_CORETYPE",
    "NPY_DISABLE_CPU_FEATURES",
)
PROBE_S = 60  # on a busy machine; it takes some two seconds of an idle one


@dataclass(frozen=True)
class Finding:
    """One thing that depends on the machine: what was found, and what follows from it."""

    name: str
    found: str
    follows: str


def examine_machine() -> list[dict[str, str]]:
    """Look at instruction sets, integer and bfloat16 kernels, gradients, and matrix products."""
    findings = [_instructions(), _integers(), _bfloat16(), _gradients(), _products()]
    switched = [f"{name}={os.environ[name]}" for name in SWITCHES if os.environ.get(name)]
    if switched:
        findings.append(
            Finding(
                "switches",
                ", ".join(switched),
                "Set here, they take kernels of another processor. Unset them for full speed.",
            )
        )
    return [asdict(finding) for finding in findings]


def _instructions() -> Finding:
    return Finding(
        "instruction sets",
        ", ".join(instruction_sets()) or "none that numpy knows",
        "Last bits of sums differ between them, and so do those of a model trained elsewhere.",
    )


def _integers() -> Finding:
    name = "8-bit kernels"
    if not _installed("onnxruntime", "onnx"):
        return Finding(name, "not looked at", "ONNX Runtime is not installed; see thresher[train].")
    if saturates_int8():
        return Finding(
            name,
            "saturating (sums of two products in 16 bits)",
            'Files with weight_range="portable", the default, are exact here. Files with "full" '
            "give other answers here than where they were checked: export them again.",
        )
    return Finding(
        name,
        "exact",
        'Integer files of either weight range are exact here. Those with "full" are not on '
        'processors with AVX2 alone; the default, weight_range="portable", is exact on all.',
    )


def _bfloat16() -> Finding:
    name = "bfloat16"
    if not _installed("torch"):
        return Finding(name, "not looked at", "torch is not installed; see thresher[train].")
    from training.torch_runtime.precision import cpu_computes_bf16

    if cpu_computes_bf16():
        return Finding(
            name,
            "computed by the processor",
            'Wide convolutions are trained in it (precision "auto"), so that the same seed gives '
            'another model on a machine without it. precision="fp32" gives it up.',
        )
    return Finding(
        name, "not computed by the processor", 'Training stays in float32 (precision "auto").'
    )


def _gradients() -> Finding:
    name = "gradients"
    if not _installed("torch"):
        return Finding(name, "not looked at", "torch is not installed; see thresher[train].")
    from ..core.kernel_faults import onednn_version, present_faults

    faults = present_faults()
    if not faults:
        return Finding(name, "no known fault", "All networks train with channels last in memory.")
    shown = [fault.report for fault in faults if not _right_here(fault.probe)]
    here = f"seen here: {', '.join(shown)}" if shown else "not seen here with a probe of each"
    return Finding(
        name,
        f"oneDNN {'.'.join(map(str, onednn_version()))} has {len(faults)} known fault(s), {here}",
        f"Those of {', '.join(fault.name for fault in faults)} are wrong with channels last on x86 "
        f"processors ({', '.join(fault.report for fault in faults)}); training takes contiguous "
        "memory there.",
    )


def _right_here(probe: str) -> bool:
    """Run a program that may abort or hang in a process of its own."""
    try:
        # -P: not the user's files in this folder, which may be called like what the probe imports.
        command = [sys.executable, "-P", "-c", probe]
        done = subprocess.run(command, capture_output=True, timeout=PROBE_S)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _products() -> Finding:
    found: list[dict[str, Any]] = threadpoolctl.threadpool_info()
    names = {
        f"{library['internal_api']} {library['version']} ({library['architecture']})"
        for library in found
        if library["user_api"] == "blas" and library.get("architecture")
    }
    return Finding(
        "matrix products",
        ", ".join(sorted(names)) or "by kernels that do not give their name",
        "Kernels differ in last bits; near-ties are settled by a rule, not by them.",
    )


def _installed(*modules: str) -> bool:
    return all(find_spec(module) for module in modules)
