"""Which layer suffers most from integers: each one alone, all others in float.

Cost: one forward pass over the rows for each layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..evaluation import rows_at_once
from ..rows.samples import Samples
from .calibration import calibrate
from .layers import QuantizedEmbedding, QuantizedWeights
from .prepare import prepare


@torch.no_grad()
def layer_sensitivity(
    model: nn.Module,
    samples: Samples,
    *,
    weight_bits: int = 8,
    sensitive_bits: int | None = None,
    weight_range: str = "portable",
    ranges: str = "mse",
    batch_size: int = 256,
) -> dict[str, float]:
    """Measure how far the answers move when one layer alone has integer weights.

    Parameters
    ----------
    model : nn.Module
        Float model; left as it is.
    samples : Samples
        Some hundred rows; labels are not used.
    weight_bits : int
        2 to 8.
    sensitive_bits : int, optional
        As in `prepare`; by default `weight_bits`, so that all layers are measured alike.
    weight_range, ranges : str
        As in `quantize`.
    batch_size : int

    Returns
    -------
    dict of str to float
        Mean Kullback–Leibler divergence from the float model by layer name, in nats, the most
        sensitive first. The first names are what to give `quantize` as ``keep_float``.
    """
    quantized = prepare(
        model,
        weight_bits=weight_bits,
        sensitive_bits=weight_bits if sensitive_bits is None else sensitive_bits,
        weight_range=weight_range,
    )
    calibrate(quantized, samples, method=ranges, batch_size=batch_size)
    quantized.set_mode("off")
    quantized.eval()
    parts = torch.split(samples.inputs, rows_at_once(samples.inputs, batch_size))
    exact = [quantized(part).log_softmax(1) for part in parts]
    found = {}
    for name, layer in quantized.graph.named_modules():
        if isinstance(layer, (QuantizedWeights, QuantizedEmbedding)):
            layer.enabled = True
            total = sum(
                _divergence(float_part, quantized(part).log_softmax(1))
                for float_part, part in zip(exact, parts, strict=True)
            )
            layer.enabled = False
            found[name] = total / len(samples)
    return dict(sorted(found.items(), key=lambda item: -rounded(item[1])))


def rounded(value: float) -> float:
    """Return three digits of a measured value: an order must not hang on the last bits.

    Those differ between processors; what is equal so far keeps the order of the network.
    """
    return float(f"{value:.3g}")


def _divergence(exact: Tensor, rounded: Tensor) -> float:
    return float((exact.exp() * (exact - rounded)).sum())
