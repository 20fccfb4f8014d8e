"""What the processor computes with, as far as integer models depend on it.

The integer kernels of ONNX Runtime for AVX2, and for AVX-512 without VNNI, multiply unsigned
activations by signed weights with ``vpmaddubsw``, which adds two neighboring products in 16 bits
and saturates at ±32,767. VNNI and Arm kernels add in 32 bits. Whether this machine saturates is
found by asking ONNX Runtime, not by a list of processors.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_NAMES = {
    "SSE42": "SSE4.2",
    "AVX2": "AVX2",
    "AVX512F": "AVX-512",
    "AVX512VNNI": "AVX-512 VNNI",
    "ASIMD": "NEON",
    "ASIMDDP": "NEON dot product",
    "SVE": "SVE",
}
_CHANNELS = 64
_LARGEST_INPUT, _LARGEST_WEIGHT = 255, 127
_EXACT = 200


def instruction_sets() -> tuple[str, ...]:
    """Return the vector instructions of this processor that number kernels differ by.

    Returns
    -------
    tuple of str
        For example ``("SSE4.2", "AVX2", "AVX-512", "AVX-512 VNNI")``, the oldest first; empty where
        numpy knows none. Those hidden from numpy by ``NPY_DISABLE_CPU_FEATURES`` are not listed.
    """
    # The processor is asked by numpy; under an emulator /proc/cpuinfo describes another one.
    from numpy._core._multiarray_umath import __cpu_features__ as features  # type: ignore

    found = [name for key, name in _NAMES.items() if features.get(key)]
    flags = _listed_flags()
    if "avx_vnni" in flags and ("avx512f" in flags) == bool(features.get("AVX512F")):
        found.append("AVX-VNNI")
    return tuple(found)


def _listed_flags() -> frozenset[str]:
    """Return the flags in Linux's list of processors, for those that numpy does not ask for."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(flags.partition(":")[2].split())


@cache
def saturates_int8() -> bool:
    """Tell whether ONNX Runtime's 8-bit kernels saturate on this machine.

    A matrix product and a convolution of the largest inputs, 255, and weights, 127, are computed
    once in a process; a sum that is too small shows 16-bit addition. Costs some 10 ms.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        _probe().SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    rows = np.full((8, _CHANNELS), _LARGEST_INPUT, dtype=np.uint8)
    pixels = np.full((1, _CHANNELS, 8, 8), _LARGEST_INPUT, dtype=np.uint8)
    product, convolved = session.run(None, {"rows": rows, "pixels": pixels})
    exact = _CHANNELS * _LARGEST_INPUT * _LARGEST_WEIGHT
    return bool((product != exact).any() or (convolved != _EXACT).any())


def _probe() -> Any:
    from onnx import TensorProto, helper, numpy_helper

    def constant(name: str, value: Any) -> Any:
        return numpy_helper.from_array(np.asarray(value), name)

    weight = np.full((_CHANNELS, _CHANNELS), _LARGEST_WEIGHT, dtype=np.int8)
    exact = _CHANNELS * _LARGEST_INPUT * _LARGEST_WEIGHT
    grid = ["one", "zero", "kernel", "one", "signed_zero", "step", "zero"]
    graph = helper.make_graph(
        [
            helper.make_node("MatMulInteger", ["rows", "weight"], ["product"]),
            helper.make_node("QLinearConv", ["pixels", *grid], ["convolved"]),
        ],
        "probe",
        [
            helper.make_tensor_value_info("rows", TensorProto.UINT8, [8, _CHANNELS]),
            helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, _CHANNELS, 8, 8]),
        ],
        [
            helper.make_tensor_value_info("product", TensorProto.INT32, None),
            helper.make_tensor_value_info("convolved", TensorProto.UINT8, None),
        ],
        initializer=[
            constant("weight", weight),
            constant("kernel", weight.reshape(_CHANNELS, _CHANNELS, 1, 1)),
            constant("one", np.float32(1)),
            constant("step", np.float32(exact / _EXACT)),
            constant("zero", np.uint8(0)),
            constant("signed_zero", np.int8(0)),
        ],
    )
    opset = [helper.make_opsetid("", 13)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)
