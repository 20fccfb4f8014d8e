"""Post-training calibration: look at some rows, set every range, choose the weight clipping."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from thresher.core.errors import InputError, check_choice

from ..samples import Samples
from .fake import ActivationQuantizer
from .model import QuantizedModel
from .ranges import RANGE_METHODS

_FEW_BITS = 6


@torch.no_grad()
def calibrate(
    model: QuantizedModel, samples: Samples, *, method: str = "mse", batch_size: int = 128
) -> None:
    """Set ranges and weight scales of `model`, in place, and switch its rounding on.

    Parameters
    ----------
    model : QuantizedModel
    samples : Samples
        Some hundred rows of the kind that the model will see; labels are not used.
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
    for mode in ("see", "count"):
        model.set_mode(mode)
        for inputs in _batches(samples, batch_size):
            model(inputs.to(_device(model)))
        _check_finite(model)
    for quantizer in model.quantizers():
        _fix_range(quantizer, method)
    for layer in model.weighted():
        # At 8 bits clipping weights gains nothing that can be measured, and costs outliers.
        if layer.bits <= _FEW_BITS:
            layer.search_clip()
    model.set_mode("quantize")
    model.train(was_training)


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
    for start in range(0, len(samples), batch_size):
        yield samples.inputs[start : start + batch_size]
