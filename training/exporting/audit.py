"""What really runs: the operators of the graph after ONNX Runtime has optimized it.

A quantized file can be slower than the float one when a single rule is missed and the runtime
goes back to float between the layers. Only the optimized graph tells.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INTEGER_OPERATORS = frozenset(
    {
        "ConvInteger",
        "DynamicQuantizeMatMul",
        "MatMulInteger",
        "MatMulIntegerToFloat",
        "QGemm",
        "QLinearConv",
        "QLinearMatMul",
    }
)
FLOAT_OPERATORS = frozenset({"Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"})


@dataclass(frozen=True)
class FusedOperators:
    """Operators of the optimized graph.

    Attributes
    ----------
    counts : dict of str to int
        All operators.
    integer, floating : int
        Convolutions and matrix products on integers, and those on floats.
    float_layers : list of str
        Names of the latter.
    """

    counts: dict[str, int]
    integer: int
    floating: int
    float_layers: list[str]


def audit(path: Path) -> FusedOperators:
    """Let ONNX Runtime optimize the model at `path` for this machine and count what is left."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "optimized.onnx")
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        nodes: list[Any] = list(onnx.load(options.optimized_model_filepath).graph.node)
    counts = Counter(str(node.op_type) for node in nodes)
    floating = [node for node in nodes if node.op_type in FLOAT_OPERATORS]
    return FusedOperators(
        counts=dict(sorted(counts.items())),
        integer=sum(counts[name] for name in INTEGER_OPERATORS),
        floating=len(floating),
        float_layers=[str(node.name or node.op_type) for node in floating],
    )
