"""Small residual networks for images of 8 px and more.

He et al., "Deep Residual Learning for Image Recognition", 2015 (the CIFAR form: ResNet-20 has
three stages of three blocks); ResNet-8, one block a stage, is the image model of MLPerf Tiny
(Banbury et al. 2021). Dense 3x3 convolutions train several times faster per multiplication on
CPUs than depthwise ones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .network import CompactModel, conv_bn_relu, image_classifier, stem
from .spec import ModelSpec

BLOCKS_PER_STAGE = {"resnet8": 1, "resnet20": 3}


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut; the shortcut is a 1x1 convolution where sizes change."""

    def __init__(self, channels_in: int, channels_out: int, *, stride: int) -> None:
        super().__init__()
        self.first = conv_bn_relu(channels_in, channels_out, stride=stride)
        self.second = nn.Sequential(
            nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=False),
                nn.BatchNorm2d(channels_out),
            )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return float32 (n, channels_out, height / stride, width / stride)."""
        return torch.relu(self.second(self.first(inputs)) + self.shortcut(inputs))


def build_resnet(spec: ModelSpec) -> CompactModel:
    """Build ``resnet8`` or ``resnet20``; stages have width, 2 · width and 4 · width channels."""
    layers = stem(spec.input_shape[0], spec.width, stride=spec.stem_stride)
    channels = spec.width
    for stage, factor in enumerate((1, 2, 4)):
        for block in range(BLOCKS_PER_STAGE[spec.name]):
            stride = 2 if stage and not block else 1
            layers.append(ResidualBlock(channels, factor * spec.width, stride=stride))
            channels = factor * spec.width
    return image_classifier(spec, layers, channels=channels)
