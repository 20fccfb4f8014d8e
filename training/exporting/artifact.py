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

from thresher.core.files import atomic_path, write_json, write_text

from ..quantization.model import QuantizedModel
from .audit import audit, check_weights
from .card import model_card
from .description import check_classes, describe, example_rows, title
from .lowering import lower
from .onnx_file import write_onnx
from .runtime import CARD, MODEL, RECORD, ExportedModel, load_onnx

_FOUR = 4


def export_onnx(
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
    graph and kept in ``export.json``. Parameters and errors are those of `formats.export`.
    """
    rows = example_rows(model, example)
    check_classes(model, rows, classes)
    target = Path(folder)
    metadata = describe(model, rows, classes, preprocessing)
    with atomic_path(target) as temporary:
        temporary.mkdir()
        write_onnx(
            _exportable(model, rows),
            temporary / MODEL,
            example=rows,
            metadata=metadata,
            four_bits=isinstance(model, QuantizedModel) and min(_bits(model)) <= _FOUR,
        )
        if isinstance(model, QuantizedModel):
            check_weights(temporary / MODEL, bound=model.weight_bound)
        record = _record(metadata, temporary / MODEL)
        write_json(temporary / RECORD, record)
        card = model_card(record, name=name or title(model), metrics=metrics)
        write_text(temporary / CARD, card)
    return load_onnx(target, threads=threads)


def _exportable(model: nn.Module, rows: Tensor) -> nn.Module:
    if isinstance(model, QuantizedModel):
        return lower(model, input_shape=rows.shape[1:])
    return copy.deepcopy(model).eval().float().cpu()


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
