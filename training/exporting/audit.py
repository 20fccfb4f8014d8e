"""What a file really holds and runs: its integer weights, and its operators once optimized.

A quantized file can be slower than the float one when a single rule is missed and the runtime
goes back to float between the layers. Only the optimized graph tells.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thresher.core.errors import InputError

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


def largest_weight(path: Path) -> int:
    """Return the largest absolute integer weight in a file, tables that are looked up left out."""
    import onnx
    from onnx import TensorProto, numpy_helper

    graph = onnx.load(path).graph
    tables = {node.input[0] for node in graph.node if node.op_type == "Gather"}
    weights = [
        numpy_helper.to_array(constant).astype(np.int32)
        for constant in graph.initializer
        if constant.data_type in (TensorProto.INT8, TensorProto.INT4)
        and _source(graph, constant.name) not in tables
    ]
    return max((int(np.abs(weight).max()) for weight in weights if weight.size), default=0)


def _source(graph: Any, name: str) -> str:
    """Return what a constant is called behind the cast of one that is stored in four bits."""
    casts = (node for node in graph.node if node.op_type == "Cast" and node.input[0] == name)
    return next((str(cast.output[0]) for cast in casts), name)


def check_weights(path: Path, *, bound: int) -> None:
    """Raise when a file holds an integer weight beyond `bound`.

    Raises
    ------
    InputError
        When a layer's grid was widened after `quantize` had bounded it.
    """
    found = largest_weight(path)
    if found > bound:
        raise InputError(
            f"The file would hold an integer weight of {found}, beyond the bound of {bound} that "
            "the model names. Quantize the float model again, with weight_range='full' where sums "
            "that saturate on processors without VNNI are accepted."
        )
