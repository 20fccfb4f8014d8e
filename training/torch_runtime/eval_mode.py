"""Looking at a model without changing it: evaluation mode and device are given back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def device_of(model: nn.Module) -> torch.device:
    """Return where the model's parameters are; the CPU if it has none."""
    first = next(model.parameters(), None)
    return torch.device("cpu") if first is None else first.device


@contextmanager
def evaluating(model: nn.Module, *, device: str | None = None) -> Iterator[nn.Module]:
    """Put `model` into evaluation mode, on `device` if given; each layer gets its own back."""
    home = device_of(model)
    modes = {layer: layer.training for layer in model.modules()}
    try:
        model.eval()
        yield model if device is None else model.to(device)
    finally:
        model.to(home)
        for layer, mode in modes.items():
            layer.training = mode
