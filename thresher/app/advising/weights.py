"""How many weights the networks of a run have, counted from its recipes without building them.

Building them needs PyTorch, whose import alone takes more than a second of CPU time: more than all
other probes of a small set. ``tests/app/advising/test_weights.py`` compares with built networks.
"""

from __future__ import annotations

from thresher.core.encoders.lite0 import FEATURES, STAGES, padding
from training.plans import PLANS

# As in `training.models.families`, which cannot be imported without PyTorch.
WIDE_TEXT, LARGE_TABLE, SMALL_TABLE = 64, 32768, 4096
TINY_IMAGE, STEM_FROM, LARGEST_STAGE = 16, 25, 32
# As in `training.models.lite0`.
STEM = 32


def count_weights(modality: str, role: str, *, shape: tuple[int, ...], num_classes: int) -> int:
    """Return the number of parameters of a role's usual network.

    Parameters
    ----------
    modality : str
    role : str
        ``"teacher"`` or ``"student"``.
    shape : tuple of int
        Of one input: (channels, height, width) of images, (d,) of numbers; of texts any.
    num_classes : int
    """
    width = usual_width(modality, role, shape=shape)
    if modality == "features":
        hidden = _linear(shape[0], width) + _linear(width, width) + 2 * _norm(width)
        return hidden + _linear(width, num_classes)
    if modality == "text":
        table = (LARGE_TABLE if width >= WIDE_TEXT else SMALL_TABLE) * width
        hidden = _norm(width) + _linear(width, 4 * width)
        return table + hidden + _linear(4 * width, num_classes)
    return _resnet(shape, width) + _linear(4 * width, num_classes)


def count_shipped_weights(side: int, *, num_classes: int, channels: int = 3) -> int:
    """Return the number of parameters of EfficientNet-Lite0 for images of this side, with a head.

    Where TensorFlow pads unevenly a kernel has a first row and column of zeros.
    """
    wide, count = STEM, 0

    def add(inputs: int, outputs: int, kernel: int, *, step: int = 1) -> None:
        nonlocal side, count
        before, after, side = padding(side, kernel, step)
        count += (kernel + after - before) ** 2 * inputs * outputs + outputs

    add(channels, STEM, 3, step=2)
    for blocks, kernel, first_step, widening, narrow, out in STAGES:
        for place in range(blocks):
            wide = narrow if place == 0 else out
            inner = wide * widening
            if widening > 1:
                add(wide, inner, 1)
            add(1, inner, kernel, step=first_step if place == 0 else 1)
            add(inner, out, 1)
    add(STAGES[-1][-1], FEATURES, 1)
    return count + _linear(FEATURES, num_classes)


def usual_width(modality: str, role: str, *, shape: tuple[int, ...]) -> int:
    """Return the width that a recipe gives a role where time is no limit."""
    width = PLANS[modality, role].width
    tiny = modality == "image" and min(shape[1:]) <= TINY_IMAGE
    return width // 2 if tiny and role == "teacher" else width


def _resnet(shape: tuple[int, ...], width: int) -> int:
    """Count stem and stages of ``resnet8``."""
    smallest = min(shape[1:])
    stride = 2 if smallest >= STEM_FROM else 1
    count = _convolution(shape[0], width)
    while smallest / stride > LARGEST_STAGE:
        count += _convolution(width, width)
        stride *= 2
    channels = width
    for factor in (1, 2, 4):
        wider = factor * width
        count += _convolution(channels, wider) + _convolution(wider, wider)
        if wider != channels:
            count += _convolution(channels, wider, kernel=1)
        channels = wider
    return count


def _linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


def _norm(width: int) -> int:
    return 2 * width


def _convolution(inputs: int, outputs: int, *, kernel: int = 3) -> int:
    return kernel**2 * inputs * outputs + _norm(outputs)
