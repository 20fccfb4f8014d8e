"""The formats that a model is exported to, and opening whichever a folder holds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from thresher.core.errors import InputError, check_choice
from thresher.core.signatures import checked

from ..quantization.model import QuantizedModel
from .artifact import export_onnx
from .executorch_file import PTE, ExecutorchModel, save_executorch
from .program import PROGRAM, ExportedProgram, save_program, write_folder
from .runtime import ExportedModel, load_onnx

_WRITERS = {"torch_export": (PROGRAM, save_program), "executorch": (PTE, save_executorch)}
FORMATS = ("onnx", *_WRITERS)


@checked
def export(
    model: nn.Module,
    folder: str | os.PathLike[str],
    *,
    classes: Sequence[str],
    preprocessing: Mapping[str, Any] | None = None,
    example: Tensor | None = None,
    name: str | None = None,
    metrics: Mapping[str, float] | None = None,
    threads: int | None = None,
    format: str = "onnx",  # noqa: A002 — the word for it
) -> ExportedModel:
    """Write `model` into a folder and load it again from there.

    Parameters
    ----------
    model : nn.Module or QuantizedModel
        Left as it is.
    folder : path-like
        Receives the model, ``export.json`` and ``README.md``; an old one is replaced.
    classes : sequence of str
        Class names in the order of the logits.
    preprocessing : mapping, optional
        JSON values that tell how a raw row becomes an input row.
    example : Tensor, optional
        Input rows (1 or more); not needed for a model with a ``spec``, whose file takes rows such
        as it was trained on with `fit`, or calibrated on.
    name : str, optional
        Title of the model card.
    metrics : mapping of str to float, optional
        Measured numbers for the model card.
    threads : int, optional
        Threads of the loaded model; ONNX Runtime only.
    format : str
        ``"onnx"`` runs without PyTorch, and a quantized model on integers; ``"torch_export"`` is
        the graph of ``torch.export`` for servers with PyTorch; ``"executorch"`` is for phones and
        small devices (needs ``thresher[executorch]``). The last two are for float models.

    Returns
    -------
    ExportedModel

    Raises
    ------
    InputError
        When the input is unknown, the number of classes is wrong, or an operator has no form there.

    Examples
    --------
    >>> from training import compact_model, export
    >>> model = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> exported = export(model, "file", classes=["no", "yes"])
    >>> exported.classes
    ['no', 'yes']
    """
    check_choice("format", format, FORMATS)
    if format == "onnx":
        return export_onnx(
            model,
            folder,
            classes=classes,
            preprocessing=preprocessing,
            example=example,
            name=name,
            metrics=metrics,
            threads=threads,
        )
    if threads is not None:
        raise InputError(f"`threads` is an option of ONNX Runtime; the format is {format!r}.")
    if isinstance(model, QuantizedModel):
        raise InputError(
            f"A quantized model is written as ONNX, where integers are computed; {format!r} has no "
            "form of simulated rounding. Export the float model, or leave out `format`."
        )
    file, write = _WRITERS[format]
    write_folder(
        model,
        Path(folder),
        classes=classes,
        preprocessing=preprocessing,
        example=example,
        name=name,
        metrics=metrics,
        file=file,
        write=write,
    )
    return load_exported(folder)


@checked
def load_exported(path: str | os.PathLike[str], *, threads: int | None = None) -> ExportedModel:
    """Load what `export` wrote, of any format: its folder, or the model file alone.

    Warns (`ThresherWarning`) of an integer file whose weights are too wide for the kernels of this
    machine: its answers differ from those elsewhere.

    Parameters
    ----------
    path : path-like
    threads : int, optional
        Threads of ONNX Runtime; by default all processors that this process may use.

    Raises
    ------
    InputError
        When there is no such file, it is damaged, or it was not written by Thresher.

    Examples
    --------
    >>> import numpy as np
    >>> from training import compact_model, export, load_exported
    >>> model = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> written = export(model, "file", classes=["no", "yes"])
    >>> load_exported("file").predict(np.eye(4, dtype=np.float32)).shape
    (4, 2)
    """
    file = Path(path)
    if file.is_dir():
        file = next((file / name for name in (PROGRAM, PTE) if (file / name).is_file()), file)
    if file.suffix == ".pt2":
        return ExportedProgram(file)
    if file.suffix == ".pte":
        return ExecutorchModel(file)
    return load_onnx(file, threads=threads)
