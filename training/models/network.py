"""The one shape that all compact models share: normalize, features, head."""

from __future__ import annotations

from torch import Tensor, nn

from .normalize import Normalize
from .spec import ModelSpec


class CompactModel(nn.Module):
    """A classifier: ``head(features(normalize(inputs)))``.

    Plain modules without control flow, so that ``torch.fx`` and ``torch.export`` can trace it.

    Attributes
    ----------
    spec : ModelSpec
        Builds the same architecture again.
    features : nn.Module
        From normalized inputs to one vector per row, float32 (n, head.in_features).
    head : nn.Linear
        From that vector to logits, float32 (n, num_classes).
    """

    def __init__(
        self, spec: ModelSpec, *, normalize: nn.Module, features: nn.Module, head: nn.Linear
    ) -> None:
        super().__init__()
        self.spec = spec
        self.normalize = normalize
        self.features = features
        self.head = head

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits, float32 (n, num_classes)."""
        logits: Tensor = self.head(self.features(self.normalize(inputs)))
        return logits


def conv_bn_relu(
    channels_in: int, channels_out: int, *, kernel: int = 3, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Return convolution without bias, batch norm and ReLU, padded to keep the size at stride 1."""
    return nn.Sequential(
        nn.Conv2d(
            channels_in,
            channels_out,
            kernel,
            stride=stride,
            padding=kernel // 2,
            groups=groups,
            bias=False,
        ),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    )


def stem(channels_in: int, channels_out: int, *, stride: int) -> list[nn.Module]:
    """Return convolutions that shrink the input by `stride`, a power of two, in steps of 2."""
    layers = [conv_bn_relu(channels_in, channels_out, stride=min(stride, 2))]
    while stride > 2:
        layers.append(conv_bn_relu(channels_out, channels_out, stride=2))
        stride //= 2
    return list(layers)


def image_classifier(spec: ModelSpec, layers: list[nn.Module], *, channels: int) -> CompactModel:
    """Put `layers`, which end with so many channels, between pixels and logits.

    What they return is averaged over the image, and dropped out where the spec says so.
    """
    pooled: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten(1)]
    if spec.dropout:
        pooled.append(nn.Dropout(spec.dropout))
    return CompactModel(
        spec,
        normalize=Normalize(spec.input_shape[0], trailing=2),
        features=nn.Sequential(*layers, *pooled),
        head=nn.Linear(channels, spec.num_classes),
    )
