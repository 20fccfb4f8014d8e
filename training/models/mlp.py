"""A multi-layer perceptron for feature tables and frozen embeddings."""

from __future__ import annotations

from torch import nn

from .network import CompactModel
from .normalize import Normalize
from .spec import ModelSpec


def build_mlp(spec: ModelSpec) -> CompactModel:
    """Build ``mlp``: two hidden layers of `width` units with batch norm and ReLU."""
    layers: list[nn.Module] = []
    units = spec.input_shape[0]
    for _ in range(2):
        layers += [nn.Linear(units, spec.width), nn.BatchNorm1d(spec.width), nn.ReLU()]
        units = spec.width
    if spec.dropout:
        layers.append(nn.Dropout(spec.dropout))
    return CompactModel(
        spec,
        normalize=Normalize(spec.input_shape[0], trailing=0),
        features=nn.Sequential(*layers),
        head=nn.Linear(units, spec.num_classes),
    )
