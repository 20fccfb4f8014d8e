"""A depthwise-separable network: few parameters and multiplications, slow to train on CPUs.

Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
Applications", 2017.
"""

from __future__ import annotations

from .network import CompactModel, conv_bn_relu, image_classifier, stem
from .spec import ModelSpec

_STAGES = ((2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (8, 1))


def build_mobile(spec: ModelSpec) -> CompactModel:
    """Build ``mobile``: depthwise 3x3 and pointwise 1x1 pairs up to 8 · width channels."""
    layers = stem(spec.input_shape[0], spec.width, stride=spec.stem_stride)
    channels = spec.width
    for factor, stride in _STAGES:
        layers.append(conv_bn_relu(channels, channels, stride=stride, groups=channels))
        layers.append(conv_bn_relu(channels, factor * spec.width, kernel=1))
        channels = factor * spec.width
    return image_classifier(spec, layers, channels=channels)
