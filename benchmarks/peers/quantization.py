"""How others quantize the same float model: ONNX Runtime, NNCF, torchao with Inductor."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_BATCH = 64


class _Reader:
    """Calibration rows in batches, as ONNX Runtime asks for them."""

    def __init__(self, rows: np.ndarray) -> None:
        self.parts = iter(np.array_split(rows, max(1, len(rows) // _BATCH)))

    def get_next(self) -> dict[str, np.ndarray] | None:
        part = next(self.parts, None)
        return None if part is None else {"input": part}


def _onnx_runtime(source: Path, target: Path, rows: np.ndarray, **options: Any) -> Path:
    from onnxruntime.quantization import QuantFormat, quant_pre_process, quantize_static

    prepared = target.with_suffix(".prepared.onnx")
    try:
        quant_pre_process(str(source), str(prepared))
    except TypeError:  # ONNX Runtime's symbolic shapes stop at the reshaping of a text network.
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared), str(target), _Reader(rows), quant_format=QuantFormat.QDQ, **options
    )
    return target


def onnx_runtime_default(source: Path, target: Path, rows: np.ndarray) -> Path:
    """Quantize with the arguments that `quantize_static` has by default."""
    return _onnx_runtime(source, target, rows)


def onnx_runtime_unsigned(source: Path, target: Path, rows: np.ndarray) -> Path:
    """Quantize with the arguments that are fast on x86."""
    from onnxruntime.quantization import QuantType

    return _onnx_runtime(source, target, rows, activation_type=QuantType.QUInt8, per_channel=True)


def nncf(source: Path, target: Path, rows: np.ndarray) -> Path:
    """Quantize with NNCF's defaults."""
    import onnx
    from nncf import Dataset, quantize

    parts = [{"input": part} for part in np.array_split(rows, max(1, len(rows) // _BATCH))]
    onnx.save(quantize(onnx.load(source), Dataset(parts), subset_size=len(parts)), target)
    return target


PEERS: dict[str, Callable[[Path, Path, np.ndarray], Path]] = {
    "ONNX Runtime, default": onnx_runtime_default,
    "ONNX Runtime, unsigned activations": onnx_runtime_unsigned,
    "NNCF": nncf,
}


def torchao_call(model: nn.Module, rows: Tensor) -> dict[str, Callable[[np.ndarray], object]]:
    """Return torchao's PT2E model compiled by Inductor, by its name; nothing if not installed."""
    os.environ["TORCHINDUCTOR_FREEZING"] = "1"
    try:
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
        from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86
    except ImportError:
        return {}
    quantizer = x86.X86InductorQuantizer()
    quantizer.set_global(x86.get_default_x86_inductor_quantization_config())
    exported = torch.export.export(
        model.eval(), (rows[:2],), dynamic_shapes=({0: torch.export.Dim("batch")},)
    ).module()
    prepared = prepare_pt2e(exported, quantizer)
    with torch.no_grad():
        for part in torch.split(rows[:512], _BATCH):
            prepared(part)
        compiled = torch.compile(convert_pt2e(prepared), dynamic=False)

    def call(inputs: np.ndarray) -> object:
        with torch.inference_mode():
            return compiled(torch.from_numpy(inputs))

    return {"torchao PT2E with Inductor": call}
