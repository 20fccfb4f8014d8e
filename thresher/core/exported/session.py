"""A model file in ONNX Runtime: open it, read what it says of itself, check what it is given."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..errors import InputError, require

INPUT, OUTPUT = "input", "logits"
_KEYS = ("classes", "costs", "input", "preprocessing", "quantization", "thresher")


@dataclass(frozen=True)
class InputSpec:
    """What one row of input looks like.

    Attributes
    ----------
    dtype : str
        numpy name: ``"uint8"`` pixels, ``"int64"`` token ids, ``"float32"`` features.
    shape : tuple of int
        Without the batch axis: (channels, height, width), (tokens,) or (d,).
    """

    dtype: str
    shape: tuple[int, ...]

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read the entry ``input`` of a model's description."""
        return cls(value["dtype"], tuple(value["shape"]))

    def checked(self, inputs: np.ndarray) -> np.ndarray:
        """Return `inputs`, contiguous, if they are rows of this kind; nothing is converted.

        Raises
        ------
        InputError
            When shape or dtype differ.
        """
        if inputs.shape[1:] != self.shape or inputs.ndim != len(self.shape) + 1:
            listed = ", ".join(map(str, self.shape))
            raise InputError(f"`inputs` must have shape (n, {listed}), got {inputs.shape}.")
        if inputs.dtype != self.dtype:
            raise InputError(f"`inputs` must be {self.dtype}, got {inputs.dtype}.")
        return np.ascontiguousarray(inputs)


def open_session(model: Path | bytes, *, threads: int, name: str = "the model") -> Any:
    """Open a model in ONNX Runtime on the CPU.

    Parameters
    ----------
    model : Path or bytes
        The file, or what it holds: a file that is replaced meanwhile does no harm then.
    threads : int
    name : str
        What errors call a model that is given as bytes.

    Raises
    ------
    InputError
        When there is no such file or it is damaged.
    """
    onnxruntime: Any = require("onnxruntime", extra="train")
    if isinstance(model, Path) and not model.is_file():
        raise InputError(f"There is no model file {model}.")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    source = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions share no public class of their own.
        shown = model if isinstance(model, Path) else name
        raise InputError(f"ONNX Runtime cannot load {shown}: {error}") from error


def read_description(session: Any, path: Path) -> dict[str, Any]:
    """Return what a model says of itself: classes, input, preprocessing, quantization, costs.

    Raises
    ------
    InputError
        When the file was not written by Thresher.
    """
    found = session.get_modelmeta().custom_metadata_map
    try:
        return {key: json.loads(found[key]) for key in _KEYS}
    except (KeyError, json.JSONDecodeError) as error:
        raise InputError(
            f"{path} holds no description by Thresher ({error}); export the model with "
            "`training.export`."
        ) from error
