"""Export: one folder with the ONNX file, its description, and a model card."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from thresher import __version__
from thresher.core.errors import InputError
from thresher.core.files import atomic_path, write_json, write_text

from ..flops import count_flops
from ..quantization.model import QuantizedModel
from .audit import audit
from .card import model_card
from .lowering import lower
from .onnx_file import write_onnx
from .runtime import CARD, MODEL, RECORD, ExportedModel, load_exported

_FOUR = 4
_DTYPES = {"image": torch.uint8, "text": torch.int64, "features": torch.float32}


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
) -> ExportedModel:
    """Write `model` as ONNX that runs without PyTorch, and load it again.

    A quantized model is written with QuantizeLinear and DequantizeLinear around its operators,
    which ONNX Runtime fuses into integer kernels; whether it did is counted on the optimized
    graph and kept in ``export.json``.

    Parameters
    ----------
    model : nn.Module or QuantizedModel
        Left as it is.
    folder : path-like
        Receives ``model.onnx``, ``export.json`` and ``README.md``; an old one is replaced.
    classes : sequence of str
        Class names in the order of the logits.
    preprocessing : mapping, optional
        JSON values that tell how a raw row becomes an input row.
    example : Tensor, optional
        Input rows (1 or more); not needed for a model with a ``spec``.
    name : str, optional
        Title of the model card.
    metrics : mapping of str to float, optional
        Measured numbers for the model card.
    threads : int, optional
        Threads of the loaded model.

    Raises
    ------
    InputError
        When the input is unknown, the number of classes is wrong, or an operator has no ONNX form.
    """
    rows = example_rows(model, example)
    _check_classes(model, rows, classes)
    target = Path(folder)
    metadata = _metadata(model, rows, classes, preprocessing)
    with atomic_path(target) as temporary:
        temporary.mkdir()
        write_onnx(
            _exportable(model, rows),
            temporary / MODEL,
            example=rows,
            metadata=metadata,
            four_bits=isinstance(model, QuantizedModel) and min(_bits(model)) <= _FOUR,
        )
        record = _record(metadata, temporary / MODEL)
        write_json(temporary / RECORD, record)
        card = model_card(record, name=name or _title(model), metrics=metrics)
        write_text(temporary / CARD, card)
    return load_exported(target, threads=threads)


def example_rows(model: nn.Module, example: Tensor | None) -> Tensor:
    """Return two input rows for `model`: copies of the first of `example`, or zeros."""
    spec = getattr(model, "spec", None)
    if example is None and spec is None:
        raise InputError(
            f"{type(model).__name__} has no `spec` that tells its input. Pass `example=`, a "
            "tensor with one or more input rows."
        )
    if example is None:
        return torch.zeros((2, *spec.input_shape), dtype=_DTYPES[spec.modality])  # type: ignore[union-attr]
    if example.ndim < 2 or not len(example):
        raise InputError(f"`example` must hold rows, got shape {tuple(example.shape)}.")
    # The exporter takes an axis of length one for a constant.
    return example[:1].detach().cpu().expand(2, *example.shape[1:]).contiguous()


def _exportable(model: nn.Module, rows: Tensor) -> nn.Module:
    if isinstance(model, QuantizedModel):
        return lower(model, input_shape=rows.shape[1:])
    return copy.deepcopy(model).eval().float().cpu()


@torch.no_grad()
def _check_classes(model: nn.Module, rows: Tensor, classes: Sequence[str]) -> None:
    was_training = model.training
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    logits = model.eval()(rows.to(device))
    model.train(was_training)
    if logits.ndim != 2 or logits.shape[1] != len(classes):
        raise InputError(
            f"`classes` has {len(classes)} names, but the model returns shape "
            f"{tuple(logits.shape)}."
        )


def _metadata(
    model: nn.Module,
    rows: Tensor,
    classes: Sequence[str],
    preprocessing: Mapping[str, Any] | None,
) -> dict[str, Any]:
    quantization = None
    if isinstance(model, QuantizedModel):
        quantization = {
            "weight_bits": model.weight_bits,
            "layer_bits": {layer.name: layer.weight_bits for layer in model.layers()},
            "activation_bits": model.activation_bits,
            "float_layers": model.float_layers,
        }
    return {
        "thresher": __version__,
        "classes": [str(name) for name in classes],
        "input": {
            "dtype": str(rows.dtype).removeprefix("torch."),
            "shape": list(rows.shape[1:]),
        },
        "preprocessing": dict(preprocessing or {}),
        "quantization": quantization,
        "costs": {"parameters": count_parameters(model), "flops": count_flops(model, rows)},
    }


def _bits(model: QuantizedModel) -> list[int]:
    return [layer.weight_bits for layer in model.layers()]


def _record(metadata: dict[str, Any], file: Path) -> dict[str, Any]:
    return {
        **metadata,
        "file": MODEL,
        "size_bytes": file.stat().st_size,
        "fused": asdict(audit(file)),
        "torch": torch.__version__,
    }


def count_parameters(model: nn.Module) -> int:
    """Return the number of weights, biases included."""
    # Scales of a quantized model are parameters to torch, but not weights of the network.
    return sum(p.numel() for key, p in model.named_parameters() if not key.endswith("scale"))


def _title(model: nn.Module) -> str:
    spec = getattr(model, "spec", None)
    return str(getattr(spec, "name", type(model).__name__))
