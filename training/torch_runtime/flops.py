"""Floating-point operations of a forward pass, counted by torch itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from thresher.core.errors import InputError

from .eval_mode import evaluating


@torch.no_grad()
def count_flops(
    model: nn.Module,
    inputs: Tensor | None = None,
    *,
    input_shape: tuple[int, ...] | None = None,
) -> float:
    """Count the operations for one row; a multiply-add is two.

    Matrix products and convolutions count; norms, activations and table look-ups do not.

    Parameters
    ----------
    model : nn.Module
        Its mode is restored.
    inputs : Tensor, optional
        Any batch that the model takes.
    input_shape : tuple of int, optional
        Of one row, in place of `inputs`: zeros are used, integers for shapes of one axis into a
        text model.
    """
    if (inputs is None) == (input_shape is None):
        raise InputError("Give either `inputs` or `input_shape`.")
    if inputs is None:
        inputs = _blank(model, input_shape or ())
    with evaluating(model), FlopCounterMode(display=False) as counter:
        model(inputs)
    total: int = counter.get_total_flops()
    return total / len(inputs)


def _blank(model: nn.Module, shape: tuple[int, ...]) -> Tensor:
    text = any(isinstance(layer, nn.Embedding) for layer in model.modules())
    return torch.zeros((1, *shape), dtype=torch.int64 if text else torch.float32)
