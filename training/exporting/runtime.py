"""An exported model: load it, ask what it takes, predict."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from thresher.core.choice import available_cpus
from thresher.core.errors import check_count
from thresher.core.exported.portability import warn_if_inexact
from thresher.core.exported.session import INPUT, InputSpec, open_session, read_description
from thresher.core.text_arrays import text_array

from .audit import FusedOperators, audit

MODEL, RECORD, CARD = "model.onnx", "export.json", "README.md"


class ExportedModel:
    """A model in ONNX Runtime.

    Attributes
    ----------
    path : Path
        The ONNX file.
    classes : list of str
        In the order of the logits.
    input_spec : InputSpec
    preprocessing : dict
        How raw rows become input, as it was given to `export`.
    metadata : dict
        All that the file says about itself; ``costs`` holds parameters and FLOPs of one row.
    quantization : dict or None
        Bits, layers left in float, ``weight_range`` and the ``weight_bound`` that follows; None
        for a float model.
    size_bytes : int
        Of the ONNX file, constants included.
    threads : int
    """

    def __init__(self, path: str | os.PathLike[str], *, threads: int | None = None) -> None:
        self.path = Path(path)
        self.threads = threads if threads is not None else available_cpus()
        check_count("threads", self.threads, low=1)
        self._session = open_session(self.path, threads=self.threads)
        metadata = read_description(self._session, self.path)
        self.classes: list[str] = metadata["classes"]
        self.preprocessing: dict[str, Any] = metadata["preprocessing"]
        self.quantization: dict[str, Any] | None = metadata["quantization"]
        self.metadata = metadata
        self.input_spec = InputSpec.from_json(metadata["input"])
        self.size_bytes = self.path.stat().st_size
        self._fused: FusedOperators | None = None

    @property
    def fused(self) -> FusedOperators:
        """Operators of the graph that ONNX Runtime really runs on this machine."""
        if self._fused is None:
            self._fused = audit(self.path)
        return self._fused

    def predict(self, inputs: Any, *, batch_size: int = 256) -> np.ndarray:
        """Return logits, float32 (n, classes).

        Parameters
        ----------
        inputs : array-like or torch.Tensor, shape (n, *input_spec.shape)
            Of the dtype in `input_spec`; nothing is scaled or converted silently.
        batch_size : int
            Rows given to the runtime at once.

        Raises
        ------
        InputError
            When shape or dtype differ from `input_spec`.
        """
        rows = self._checked(inputs)
        check_count("batch_size", batch_size, low=1)
        parts = [
            self._session.run(None, {INPUT: rows[start : start + batch_size]})[0]
            for start in range(0, len(rows), batch_size)
        ]
        empty = np.zeros((0, len(self.classes)), dtype=np.float32)
        return np.concatenate(parts) if parts else empty

    def predict_classes(self, inputs: Any, *, batch_size: int = 256) -> np.ndarray:
        """Return the most likely class name of each row, str (n,)."""
        codes = self.predict(inputs, batch_size=batch_size).argmax(1)
        names: np.ndarray = text_array(self.classes)[codes]
        return names

    def _checked(self, inputs: Any) -> np.ndarray:
        return self.input_spec.checked(np.asarray(inputs))


def load_onnx(path: str | os.PathLike[str], *, threads: int | None = None) -> ExportedModel:
    """Load a folder with an ONNX file, or the file alone; see `formats.load_exported`."""
    file = Path(path)
    model = ExportedModel(file / MODEL if file.is_dir() else file, threads=threads)
    warn_if_inexact(model.path, model.quantization)
    return model
