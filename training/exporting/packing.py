"""Weights of four bits stored in four bits.

ONNX Runtime has no integer convolution on 4-bit weights. Stored as INT4 and cast to INT8 in the
graph they take half the bytes in the file, and the runtime folds the cast when it loads the model,
so that the 8-bit kernels run as before.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_TOP = 7
_FEWEST = 64


def pack_int4(proto: Any) -> int:
    """Store the int8 constants that fit into 4 bits as INT4, in place; return how many."""
    from onnx import TensorProto, helper, numpy_helper

    graph = proto.graph
    casts = []
    for constant in graph.initializer:
        if constant.data_type != TensorProto.INT8:
            continue
        values = numpy_helper.to_array(constant)
        if values.size < _FEWEST or np.abs(values).max() > _TOP:
            continue
        name = f"{constant.name}4"
        packed = helper.make_tensor(
            name, TensorProto.INT4, values.shape, _nibbles(values), raw=True
        )
        casts.append(helper.make_node("Cast", [name], [constant.name], to=TensorProto.INT8))
        constant.CopyFrom(packed)
    old = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *old])
    return len(casts)


def _nibbles(values: np.ndarray) -> bytes:
    """Pack two values into a byte, the first into its low half."""
    flat = values.reshape(-1).astype(np.int8)
    if len(flat) % 2:
        flat = np.append(flat, np.int8(0))
    return ((flat[0::2] & 15) | ((flat[1::2] & 15) << 4)).astype(np.uint8).tobytes()
