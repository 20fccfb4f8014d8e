"""ExecuTorch: a program for phones and small devices, with the kernels of XNNPACK where they fit.

A file takes one row at a time: memory is planned when it is written, and with a dynamic batch the
runtime (1.5) refuses the inputs of some networks.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from thresher.core.errors import InputError, check_count, require
from thresher.core.files import read_json

from .program import ExportedProgram, capture
from .runtime import RECORD

PTE = "model.pte"
_EXTRA = "executorch"


class ExecutorchModel(ExportedProgram):
    """A program in the runtime of ExecuTorch; its description is the ``export.json`` beside it.

    Parameters
    ----------
    path : path-like
        The ``.pte`` file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"There is no model file {path}.")
        library: Any = require("executorch.runtime", extra=_EXTRA)
        metadata = read_json(self.path.parent / RECORD)
        try:
            program = library.Runtime.get().load_program(self.path)
            method = program.load_method("forward")
        except Exception as error:  # the runtime raises plain RuntimeErrors with a code
            raise InputError(f"ExecuTorch cannot load {path}: {error}") from error

        def call(rows: Tensor) -> np.ndarray:
            logits: np.ndarray = method.execute([rows])[0].numpy()
            return logits.copy()  # the runtime's own memory, which the next call overwrites

        self._program = program
        self._describe(metadata, call)

    def predict(self, inputs: Any, *, batch_size: int = 1) -> np.ndarray:
        """Return logits, float32 (n, classes), computed row by row whatever `batch_size` is."""
        check_count("batch_size", batch_size, low=1)
        return super().predict(inputs, batch_size=1)


def save_executorch(model: nn.Module, rows: Tensor, path: Path, _metadata: dict[str, Any]) -> None:
    """Lower the graph of `model` and write the program."""
    exir: Any = require("executorch.exir", extra=_EXTRA)
    backend: Any = require(
        "executorch.backends.xnnpack.partition.xnnpack_partitioner", extra=_EXTRA
    )
    program = capture(model, rows[:1], dynamic=False)
    try:
        lowered = exir.to_edge_transform_and_lower(
            program, partitioner=[backend.XnnpackPartitioner()]
        ).to_executorch()
    except Exception as error:  # passes and backends raise classes of their own
        raise InputError(
            f"ExecuTorch has no form of a part of {type(model).__name__}: {error}. Replace that "
            "part by standard operators, or export as ONNX."
        ) from error
    path.write_bytes(lowered.buffer)
