"""EfficientNet-Lite0 as a list of layers, from the weights of its package.

M. Tan and Q. V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
2019, in the variant without squeeze-and-excitation and with ReLU6, which was made for integers
(Google, 2020, Apache-2.0). Blocks widen six times, filter each channel by itself, and narrow again;
where a block keeps its shape, its input is added. The classifier is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# Of each stage: blocks, side of the kernel, step of the first block, widening, channels in and out.
STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
FEATURES = 1280
SMALLEST = 32  # pixels of a side: the stem and the stages halve it five times
EPSILON = 1e-3


@dataclass(frozen=True)
class Layer:
    """A convolution with its normalization folded in.

    Attributes
    ----------
    weight : ndarray of float64, shape (out, in / groups, k, k)
    bias : ndarray of float64, shape (out,)
    step, groups : int
    bounded : bool
        Whether ReLU6 follows.
    mean, deviation : ndarray of float64, shape (out,)
        Of what comes out before ReLU6, as normalization has made it in training.
    """

    weight: np.ndarray
    bias: np.ndarray
    step: int
    groups: int
    bounded: bool
    mean: np.ndarray
    deviation: np.ndarray


@dataclass(frozen=True)
class Block:
    """Layers one after the other, and whether their input is added to what comes out."""

    layers: tuple[Layer, ...]
    added: bool


def read_blocks(tensors: dict[str, np.ndarray]) -> tuple[Block, ...]:
    """Return the network, the first and the last layer as blocks of their own."""
    first = _layer(tensors, "_conv_stem", "_bn0", step=2)
    last = _layer(tensors, "_conv_head", "_bn1")
    return (Block((first,), False), *_inner(tensors), Block((last,), False))


def _inner(tensors: dict[str, np.ndarray]) -> Iterator[Block]:
    at = 0
    for blocks, _, first_step, widening, narrow, wide in STAGES:
        for place in range(blocks):
            prefix, channels = f"_blocks.{at}.", narrow if place == 0 else wide
            step = first_step if place == 0 else 1
            groups = channels * widening
            layers = [] if widening == 1 else [_layer(tensors, f"{prefix}_expand_conv", "_bn0")]
            layers += [
                _layer(tensors, f"{prefix}_depthwise_conv", "_bn1", step=step, groups=groups),
                _layer(tensors, f"{prefix}_project_conv", "_bn2", bounded=False),
            ]
            yield Block(tuple(layers), added=place > 0)
            at += 1


def _layer(
    tensors: dict[str, np.ndarray],
    name: str,
    normalization: str,
    *,
    step: int = 1,
    groups: int = 1,
    bounded: bool = True,
) -> Layer:
    prefix = name.rpartition(".")[0]
    normal = f"{prefix}.{normalization}" if prefix else normalization
    scale, shift, mean, variance = (
        tensors[f"{normal}.{part}"].astype(np.float64)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    factor = scale / np.sqrt(variance + EPSILON)
    weight = tensors[f"{name}.weight"] * factor[:, None, None, None]
    return Layer(weight, shift - mean * factor, step, groups, bounded, shift, np.abs(scale))


def padding(side: int, kernel: int, step: int) -> tuple[int, int, int]:
    """Return pixels before and after, and the side that comes out, as TensorFlow pads ("same")."""
    out = -(-side // step)
    total = max((out - 1) * step + kernel - side, 0)
    return total // 2, total - total // 2, out
