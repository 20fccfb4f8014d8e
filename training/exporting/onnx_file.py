"""Writing an ONNX file: one file, dynamic batch, no more bytes than the numbers need.

PyTorch's exporter notes the source line of every node; for a model of 80,000 parameters that is
more than half of the integer file. Names, notes and shapes that ONNX Runtime infers by itself
are removed, and equal constants are stored once.
"""

from __future__ import annotations

import ast
import json
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from thresher.core.errors import InputError
from thresher.core.exported.portability import PORTABLE_TOP
from thresher.core.exported.session import INPUT, OUTPUT

from .packing import pack_int4

OPSET = 21
_NAMED = ("Conv", "Gemm", "MatMul", "Gather")
_SCOPES = "pkg.torch.onnx.name_scopes"


def write_onnx(
    model: nn.Module,
    path: Path,
    *,
    example: Tensor,
    metadata: dict[str, Any],
    four_bits: bool = False,
) -> None:
    """Write `model` to `path`.

    Parameters
    ----------
    model : nn.Module
        On the CPU, in evaluation mode; takes one tensor and returns one.
    example : Tensor
        At least two rows; axis 0 becomes dynamic.
    metadata : dict of str to JSON value
        Kept inside the file.
    four_bits : bool
        Store weights that fit into four bits so.

    Raises
    ------
    InputError
        When the exporter does not know an operator or cannot follow the forward pass.
    """
    import onnx

    proto = _export(model, example)
    compact(proto)
    if four_bits:
        pack_int4(proto)
    onnx.checker.check_model(proto)
    onnx.helper.set_model_props(
        proto, {key: json.dumps(value, sort_keys=True) for key, value in metadata.items()}
    )
    path.write_bytes(proto.SerializeToString())


def _export(model: nn.Module, example: Tensor) -> Any:
    batch = torch.export.Dim("batch")
    try:
        with _quiet_exporter(), torch.no_grad():
            program = torch.onnx.export(
                model,
                (example,),
                dynamo=True,
                dynamic_shapes=({0: batch},),
                input_names=[INPUT],
                output_names=[OUTPUT],
                opset_version=OPSET,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise InputError(_explain(model, example, error)) from error
    assert program is not None
    return program.model_proto


def _explain(model: nn.Module, example: Tensor, error: BaseException) -> str:
    """Name the operator and the layer that the exporter stumbled over."""
    text = "\n".join(map(str, _causes(error)))
    operator = re.search(r"No ONNX function found for <OpOverload\(op='([\w.]+)'", text)
    node = re.search(r"translating node %(\w+)", text)
    if operator is None:
        reason = next((line for line in text.splitlines()[::-1] if line.strip()), "unknown reason")
        return f"{type(model).__name__} cannot be written as ONNX: {reason.strip()}"
    layer = _layer_of(model, example, node.group(1)) if node else None
    return (
        f"ONNX has no form of the operator {operator.group(1)}"
        f"{f' in the layer {layer}' if layer else ''}. Replace that layer by one made of standard "
        "operators, or keep the model in PyTorch."
    )


def _layer_of(model: nn.Module, example: Tensor, node_name: str) -> str | None:
    with _quiet_exporter():
        graph = torch.export.export(model, (example,)).graph
    for node in graph.nodes:
        stack = node.meta.get("nn_module_stack")
        if node.name.endswith(node_name) and stack:
            path, kind = list(stack.values())[-1]
            return f"{path} ({str(kind).rpartition('.')[2]})"
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Hide what the exporter says about itself: no torchvision, its own deprecated calls."""
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registration.level
    registration.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*isinstance.*LeafSpec")
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="onnxscript")
            yield
    finally:
        registration.setLevel(level)


def compact(proto: Any) -> None:
    """Remove from an ONNX model, in place, all that no runtime needs."""
    graph = proto.graph
    used: set[str] = set()
    for node in graph.node:
        node.name = _layer_name(node, used) if node.op_type in _NAMED else ""
        used.add(node.name)
        node.doc_string = ""
        del node.metadata_props[:]
    del graph.value_info[:]
    del graph.metadata_props[:]
    for item in (*graph.input, *graph.output, *graph.initializer):
        item.doc_string = ""
        del item.metadata_props[:]
    proto.doc_string = graph.doc_string = ""
    _share_constants(graph)
    _part_zeros_of_wide_weights(graph)
    _shorten_names(graph)


def _layer_name(node: Any, used: set[str]) -> str:
    """Return the module that computes `node`; of its further calls also their own name."""
    scopes = next((entry.value for entry in node.metadata_props if entry.key == _SCOPES), "[]")
    path = ast.literal_eval(scopes)
    if len(path) < 2:
        return ""
    layer = str(path[-2] or path[-1])
    return layer if layer not in used else f"{layer}/{path[-1]}"


def _share_constants(graph: Any) -> None:
    known: dict[tuple[int, tuple[int, ...], bytes], str] = {}
    renamed: dict[str, str] = {}
    kept = []
    for constant in graph.initializer:
        content = constant.raw_data or constant.SerializeToString()
        key = (constant.data_type, tuple(constant.dims), content)
        if key in known:
            renamed[constant.name] = known[key]
        else:
            known[key] = constant.name
            kept.append(constant)
    del graph.initializer[:]
    graph.initializer.extend(kept)
    _rename(graph, renamed)


def _part_zeros_of_wide_weights(graph: Any) -> None:
    """Give the zero point of each layer's weights beyond ±64 to that layer alone.

    Under ``session.x64quantprecision`` ONNX Runtime makes such weights and their zero points
    unsigned, layer by layer, and fails at a zero point that it has replaced before. Narrower
    weights it leaves as they are.
    """
    from onnx import TensorProto, numpy_helper

    constants = {constant.name: constant for constant in graph.initializer}
    taken: set[str] = set()
    for node in graph.node:
        weight = constants.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if weight is None or weight.data_type != TensorProto.INT8:
            continue
        if np.abs(numpy_helper.to_array(weight).astype(np.int16)).max(initial=0) <= PORTABLE_TOP:
            continue
        zeros = node.input[2]
        if zeros in taken:
            copied = graph.initializer.add()
            copied.CopyFrom(constants[zeros])
            copied.name = node.input[2] = f"{zeros}/{len(taken)}"
        taken.add(node.input[2])


def _shorten_names(graph: Any) -> None:
    fixed = {value.name for value in (*graph.input, *graph.output)}
    names: dict[str, str] = {}
    for node in graph.node:
        for name in (*node.input, *node.output):
            if name and name not in fixed and name not in names:
                names[name] = _short(len(names))
    _rename(graph, names)


def _short(number: int) -> str:
    digits = "abcdefghijklmnopqrstuvwxyz"
    text = digits[number % 26]
    while number >= 26:
        number = number // 26 - 1
        text = digits[number % 26] + text
    return text if text not in (INPUT, OUTPUT) else f"{text}_"


def _rename(graph: Any, names: dict[str, str]) -> None:
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for constant in graph.initializer:
        constant.name = names.get(constant.name, constant.name)
