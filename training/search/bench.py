"""The costs of a network where it will run: exported, loaded, timed in ONNX Runtime."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
from torch import nn

from thresher.core.errors import ThresherWarning

from ..exporting import ExportedModel, export
from ..loop.checks import know_inputs
from ..models import CompactModel
from ..profiling import measure_latency
from ..quantization import quantize
from ..rows.samples import Samples
from .candidate import FLOAT_BITS, Costs, Variant

_OPENINGS, _SECONDS = 3, 0.1
_CALIBRATION = 32


def time_file(model: ExportedModel, *, batch_size: int) -> Costs:
    """Measure an exported model, opened anew three times.

    Where a session's memory happens to lie moves its time by up to a third; the median over
    openings is steadier than one long measurement.
    """
    found = []
    for _ in range(_OPENINGS):
        opened = ExportedModel(model.path, threads=model.threads)
        rows = np.zeros((batch_size, *opened.input_spec.shape), opened.input_spec.dtype)

        def call(opened: ExportedModel = opened, rows: np.ndarray = rows) -> np.ndarray:
            return opened.predict(rows, batch_size=batch_size)

        found.append(measure_latency(call, batch_size=batch_size, seconds=_SECONDS))
    return Costs(
        size_bytes=model.size_bytes,
        flops=float(model.metadata["costs"]["flops"]),
        p50_ms=float(np.median([one.p50_ms for one in found])),
        min_ms=min(one.min_ms for one in found),
    )


def costs_before_training(
    variant: Variant, model: CompactModel, samples: Samples, *, batch_size: int, threads: int
) -> Costs:
    """Measure the variant with random weights: time and bytes do not depend on them."""
    rows = samples.take(np.arange(min(len(samples), _CALIBRATION)))
    know_inputs(model, rows.inputs)
    exported: nn.Module = model.eval()
    if variant.bits != FLOAT_BITS:
        with warnings.catch_warnings():
            # What a network with random weights loses means nothing.
            warnings.simplefilter("ignore", ThresherWarning)
            exported = quantize(
                model, rows, method="ptq", weight_bits=variant.bits, validation=rows, device="cpu"
            )
    names = [str(code) for code in range(model.spec.num_classes)]
    with tempfile.TemporaryDirectory() as folder:
        file = export(exported, Path(folder, "untrained"), classes=names, threads=threads)
        return time_file(file, batch_size=batch_size)
