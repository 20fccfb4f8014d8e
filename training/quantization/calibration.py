"""Post-training calibration: look at some rows, set every range, choose the weight clipping."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from thresher.core.choice import Choice
from thresher.core.errors import InputError, check_choice

from ..evaluation import rows_at_once
from ..rows.samples import Samples
from ..torch_runtime.allocator import kept_memory
from .fake import ActivationQuantizer
from .far_rows import find_far_rows
from .model import QuantizedModel
from .ranges import RANGE_METHODS, RangeObserver

_FEW_BITS = 6
_NAMED = 5


@torch.no_grad()
@kept_memory()
def calibrate(
    model: QuantizedModel, samples: Samples, *, method: str = "mse", batch_size: int = 128
) -> None:
    """Set ranges and weight scales of `model`, in place, and switch its rounding on.

    Parameters
    ----------
    model : QuantizedModel
    samples : Samples
        Some hundred rows of the kind that the model will see; labels are not used. Those far
        outside all others, at most one in a hundred, are set aside (``choices`` names them).
    method : {"minmax", "moving_average", "percentile", "mse", "entropy"}
    batch_size : int

    Raises
    ------
    InputError
        When there is no row, or a value becomes NaN or infinite on the way.
    """
    check_choice("calibration", method, RANGE_METHODS)
    if not len(samples):
        raise InputError("Calibration needs at least one row, got none.")
    was_training = model.training
    model.eval()
    _look(model, samples, mode="see", batch_size=batch_size)
    usual = _usual_rows(model, samples)
    if len(usual) < len(samples):
        for quantizer in model.quantizers():
            quantizer.observer = RangeObserver()
        _look(model, usual, mode="see", batch_size=batch_size)
    _look(model, usual, mode="count", batch_size=batch_size)
    for quantizer in model.quantizers():
        _fix_range(quantizer, method)
    for layer in model.weighted():
        # At 8 bits clipping weights gains nothing that can be measured, and costs outliers.
        if layer.bits <= _FEW_BITS:
            layer.search_clip()
    model.set_mode("quantize")
    model.train(was_training)


def _look(model: QuantizedModel, samples: Samples, *, mode: str, batch_size: int) -> None:
    model.set_mode(mode)
    for inputs in _batches(samples, batch_size):
        model(inputs.to(_device(model)))
    _check_finite(model)


def _usual_rows(model: QuantizedModel, samples: Samples) -> Samples:
    """Set rows far outside all others aside, and note on the model which they are."""
    observers = (q.observer for q in model.quantizers() if q.observer is not None)
    sizes = [np.concatenate(observer.sizes) for observer in observers]
    # A value without an axis of rows, or seen at several places, tells nothing of single rows.
    far = find_far_rows([size for size in sizes if len(size) == len(samples)])
    if not len(far):
        return samples
    listed = ", ".join(map(str, samples.row_ids[far[:_NAMED]]))
    model.choices["calibration_rows"] = Choice(
        f"{len(samples) - len(far)} of {len(samples)}",
        "set aside, being more than ten times as large as all others and so taking the range of "
        f"integers for themselves: {listed}{', …' * (len(far) > _NAMED)}",
    )
    return samples.take(np.setdiff1d(np.arange(len(samples)), far))


def _fix_range(quantizer: ActivationQuantizer, method: str) -> None:
    if quantizer.observer is not None:
        quantizer.set_range(*quantizer.observer.range(method, quantizer.top + 1))
        quantizer.observer = None


def _check_finite(model: QuantizedModel) -> None:
    for name, module in model.graph.named_modules():
        observer = module.observer if isinstance(module, ActivationQuantizer) else None
        if observer is not None and not (
            abs(observer.low) < float("inf") and abs(observer.high) < float("inf")
        ):
            raise InputError(
                f"Values at {name} are not finite during calibration: the float model gives NaN "
                "or infinity on these rows."
            )


def _device(model: QuantizedModel) -> torch.device:
    return next(model.parameters()).device


def _batches(samples: Samples, batch_size: int) -> Iterator[Tensor]:
    batch_size = rows_at_once(samples.inputs, batch_size)
    for start in range(0, len(samples), batch_size):
        yield samples.inputs[start : start + batch_size]
