"""Smaller images in the first epochs, whole ones in the last: progressive resizing.

Convolutions on images of three quarters of the side need little more than half the operations,
and on a CPU two thirds of the time; what the first epochs learn does not need the last pixel.
Batch norm and weights settle on whole images in the last epochs. After Howard, "Training Imagenet
in 3 hours for USD 25", fast.ai, 2018; Tan & Le, "EfficientNetV2", 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from thresher.core.errors import InputError

from ..models import CompactModel
from ..rows.samples import Samples
from ..torch_runtime.flops import count_flops

_LARGEST_VALUE = 255


@dataclass(frozen=True)
class FirstSize:
    """How small images are at first, and how long.

    Attributes
    ----------
    side : int
        Of an image's shorter side, in pixels.
    epochs : int
        Epochs with such images; then come whole ones.
    """

    side: int
    epochs: int

    def side_of(self, epoch: int) -> int | None:
        """Return the shorter side in this epoch, counted from 0; None for whole images."""
        return self.side if epoch < self.epochs else None


def plan_sizes(
    model: nn.Module, samples: Samples, *, side: int, share: float, epochs: int
) -> FirstSize:
    """Check that the model takes images of so many pixels, and return the plan.

    Parameters
    ----------
    model : nn.Module
    samples : Samples
        Images, uint8 (n, c, h, w).
    side : int
        Of the shorter side at first, below that of the images.
    share : float
        Of the epochs, rounded down; the last epoch sees whole images in any case.
    epochs : int

    Raises
    ------
    InputError
    """
    if not isinstance(model, CompactModel) or samples.inputs.ndim != 4:
        raise InputError(
            "`first_size` shrinks images for one of Thresher's own models; leave it out "
            "for other inputs and models, or resize in `augment`."
        )
    whole = min(samples.input_shape[1:])
    if side >= whole:
        raise InputError(f"`first_size` is {side}, but the images have {whole} px; give less.")
    try:
        count_flops(model, resized(samples.inputs[:1], side))
    except RuntimeError as error:
        raise InputError(
            f"The model cannot take images of {side} px ({error}). Give a larger `first_size`."
        ) from error
    return FirstSize(side, min(int(share * epochs), epochs - 1))


def resized(images: Tensor, side: int) -> Tensor:
    """Return images whose shorter side has so many pixels, uint8 as before, anti-aliased."""
    height, width = images.shape[-2:]
    factor = side / min(height, width)
    size = (round(height * factor), round(width * factor))
    if images.device.type != "cpu" and images.dtype == torch.uint8:  # there is no such kernel
        return resized(images.float(), side).round_().clamp_(0, _LARGEST_VALUE).to(torch.uint8)
    images = images.contiguous(memory_format=torch.channels_last)  # of which CPUs are fastest
    return nn.functional.interpolate(images, size=size, mode="bilinear", antialias=True)
