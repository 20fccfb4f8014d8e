"""Normalization inside the model, so that an exported model cannot be fed wrongly scaled input."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Normalize(nn.Module):
    """Bring each channel or feature to mean 0 and standard deviation 1.

    The statistics are those of the training inputs: `fit` measures them once, before the first
    step, unless they were set. Until then images are scaled from 0–255 to about ±2 and features
    are left alone.

    Parameters
    ----------
    channels : int
        Channels of an image or number of features, axis 1 of the input.
    trailing : int
        Axes after the channel axis: 2 for images, 0 for features.
    """

    mean: Tensor
    scale: Tensor
    measured: Tensor

    def __init__(self, channels: int, *, trailing: int) -> None:
        super().__init__()
        shape = (1, channels, *([1] * trailing))
        mean, spread = (127.5, 64.0) if trailing else (0.0, 1.0)
        self.register_buffer("mean", torch.full(shape, mean))
        self.register_buffer("scale", torch.full(shape, 1.0 / spread))
        self.register_buffer("measured", torch.tensor(False))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return float32 of the same shape as `inputs`, which may be of any number type."""
        return (inputs.float() - self.mean) * self.scale

    @torch.no_grad()
    def measure(self, inputs: Tensor) -> None:
        """Take mean and standard deviation per channel from all rows of `inputs`.

        A constant feature keeps scale 1, so that it becomes 0 and not NaN.
        """
        axes = [axis for axis in range(inputs.ndim) if axis != 1]
        count = total = square = torch.zeros((), dtype=torch.float64)
        for part in torch.split(inputs, 4096):
            values = part.double()
            count = count + values.numel() / values.shape[1]
            total = total + values.sum(axes)
            square = square + values.square().sum(axes)
        mean = total / count
        spread = (square / count - mean.square()).clamp(min=0).sqrt()
        spread[spread <= 1e-6 * mean.abs().clamp(min=1.0)] = 1.0
        self.mean.copy_(mean.view_as(self.mean))
        self.scale.copy_((1.0 / spread).view_as(self.scale))
        self.measured.fill_(True)
