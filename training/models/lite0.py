"""EfficientNet-Lite0: a network that starts from shipped weights and was made for integers.

M. Tan and Q. V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
2019, without squeeze-and-excitation and with ReLU6 (Google, 2020). Normalization is folded into the
convolutions. Where TensorFlow pads one pixel more behind than before, a kernel has a first row and
column of zeros: then every convolution pads evenly, and is written and quantized like any other.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from thresher.core.encoders.lite0 import FEATURES, STAGES, Block, padding
from thresher.core.encoders.meaning_image import PIXEL_STEP, PIXEL_ZERO

from .network import CompactModel, image_classifier
from .normalize import Normalize
from .spec import ModelSpec

NAME = "efficientnet_lite0"
STEM = 32
Sides = tuple[int, int]


class AddedBlock(nn.Module):
    """Layers whose input is added to what comes out."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return float32 of the same shape as `inputs`."""
        added: Tensor = self.layers(inputs) + inputs
        return added


def build_lite0(spec: ModelSpec) -> CompactModel:
    """Build ``efficientnet_lite0``; its pixels are scaled as they were for the shipped weights."""
    channels, *size = spec.input_shape
    sides: Sides = (size[0], size[1])
    first, sides = _convolution(channels, STEM, 3, sides=sides, step=2)
    layers: list[nn.Module] = [first]
    for blocks, kernel, step, widening, narrow, wide in STAGES:
        for place in range(blocks):
            shape = (kernel, step if place == 0 else 1, widening)
            parts, sides = _parts(narrow if place == 0 else wide, wide, *shape, sides=sides)
            layers.append(AddedBlock(parts) if place else nn.Sequential(*parts))
    layers.append(_convolution(STAGES[-1][-1], FEATURES, 1, sides=sides)[0])
    model = image_classifier(spec, layers, channels=FEATURES)
    assert isinstance(model.normalize, Normalize)
    model.normalize.mean.fill_(PIXEL_ZERO)
    model.normalize.scale.fill_(PIXEL_STEP)
    model.normalize.measured.fill_(True)
    return model


@torch.no_grad()
def take_blocks(model: CompactModel, blocks: Iterable[Block]) -> None:
    """Give the convolutions of `model`, in place, the weights of a network's blocks."""
    layers = [layer for block in blocks for layer in block.layers]
    found = [one for one in model.features.modules() if isinstance(one, nn.Conv2d)]
    for convolution, layer in zip(found, layers, strict=True):
        kernel = torch.from_numpy(layer.weight)
        rows, columns = (
            own - given
            for own, given in zip(convolution.weight.shape[2:], kernel.shape[2:], strict=True)
        )
        convolution.weight.copy_(nn.functional.pad(kernel, (columns, 0, rows, 0)))
        assert convolution.bias is not None
        convolution.bias.copy_(torch.from_numpy(layer.bias))


def _parts(
    narrow: int, wide: int, kernel: int, step: int, widening: int, *, sides: Sides
) -> tuple[list[nn.Module], Sides]:
    """Return the layers of a block, and the sides of what comes out."""
    inner = narrow * widening
    parts = [] if widening == 1 else [_convolution(narrow, inner, 1, sides=sides)[0]]
    filtered, sides = _convolution(inner, inner, kernel, sides=sides, step=step, groups=inner)
    last, sides = _convolution(inner, wide, 1, sides=sides, bounded=False)
    return [*parts, filtered, last], sides


def _convolution(
    narrow: int,
    wide: int,
    kernel: int,
    *,
    sides: Sides,
    step: int = 1,
    groups: int = 1,
    bounded: bool = True,
) -> tuple[nn.Module, Sides]:
    high, across = (padding(side, kernel, step) for side in sides)
    layer = nn.Conv2d(
        narrow,
        wide,
        (kernel + high[1] - high[0], kernel + across[1] - across[0]),
        stride=step,
        padding=(high[1], across[1]),
        groups=groups,
    )
    return nn.Sequential(layer, nn.ReLU6()) if bounded else layer, (high[2], across[2])
