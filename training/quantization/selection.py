"""Which layers stay in float, and which can do with four bits, by measured sensitivity.

Layers are ordered by how far the answers move when each alone is rounded (`layer_sensitivity`);
whole candidates are then calibrated and judged, since losses of single layers do not simply add
up. Cost: one calibration and one pass over the held-out rows for each candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from thresher.core.choice import Choice
from thresher.core.counted import counted, percent

from ..loop.checks import note_dtype
from ..rows.samples import Samples
from .calibration import calibrate
from .judge import Judge, Score
from .layers import QuantizedEmbedding, QuantizedWeights
from .model import QuantizedModel
from .prepare import prepare
from .sensitivity import layer_sensitivity, rounded

MIXED = "mixed"
_LOW = 4
_MOST_FLOAT = 3


@dataclass(frozen=True, eq=False)
class Calibration:
    """How the candidates are made: one float model, one set of rows, one set of bits.

    Attributes
    ----------
    model : nn.Module
    rows : Samples
        Calibration rows.
    weight_bits, activation_bits, sensitive_bits : int
    weight_range, ranges : str
    """

    model: nn.Module
    rows: Samples
    weight_bits: int
    activation_bits: int
    sensitive_bits: int
    weight_range: str
    ranges: str

    def run(
        self, *, keep_float: Collection[str] = (), layer_bits: Mapping[str, int] | None = None
    ) -> QuantizedModel:
        """Return the calibrated model."""
        quantized = prepare(
            self.model,
            weight_bits=self.weight_bits,
            activation_bits=self.activation_bits,
            keep_float=keep_float,
            layer_bits=layer_bits,
            sensitive_bits=self.sensitive_bits,
            weight_range=self.weight_range,
            pixels=self.rows.inputs.dtype == torch.uint8,
        )
        note_dtype(quantized, self.rows.inputs)
        calibrate(quantized, self.rows, method=self.ranges)
        fewest = min(self.weight_bits, self.activation_bits)
        if quantized.end_layers and fewest < self.sensitive_bits:
            ends = ", ".join(quantized.end_layers)
            why = f"the first and last layers ({ends}), and values that none but these multiply"
            quantized.choices["sensitive_bits"] = Choice(str(self.sensitive_bits), why)
        return quantized

    def sensitivity(self, bits: int, *, sensitive_bits: int) -> dict[str, float]:
        """Return the divergence that each layer alone causes, the largest first."""
        return layer_sensitivity(
            self.model,
            self.rows,
            weight_bits=bits,
            sensitive_bits=sensitive_bits,
            weight_range=self.weight_range,
            ranges=self.ranges,
        )


def leave_in_float(
    calibration: Calibration, judge: Judge, *, tolerance: float, whole: QuantizedModel
) -> QuantizedModel:
    """Keep the most sensitive layers in float, as few as bring the loss within `tolerance`.

    Where three are not enough, none is kept: then it is not a matter of single layers.
    """
    start = judge.score(whole)
    if start.is_within(tolerance):
        whole.choices["keep_float"] = Choice("none", f"{start.text} with all in integers")
        return whole
    bits, more = calibration.weight_bits, calibration.sensitive_bits
    names = list(calibration.sensitivity(bits, sensitive_bits=more))[:_MOST_FLOAT]
    for count in range(1, len(names) + 1):
        found = calibration.run(keep_float=names[:count])
        score = judge.score(found)
        if score.is_within(tolerance):
            found.choices["keep_float"] = Choice(", ".join(names[:count]), _why(score, start))
            return found
    tried = ", ".join(names)
    whole.choices["keep_float"] = Choice("none", f"{tried} in float do not mend it: {score.text}")
    return whole


def mix_bits(
    calibration: Calibration, judge: Judge, *, tolerance: float, keep_float: Collection[str]
) -> QuantizedModel:
    """Give four bits to as many weights as the loss allows, eight to the rest.

    Layers come in the order of divergence for each weight saved; the number of them is found by
    bisection. The loss that counts is that of confidence: bisection on a count of wrong rows
    picks what was lucky on them (4 bits in nearly all of a depthwise network, 1.9 points lost).
    """
    found = calibration.run(keep_float=keep_float)
    sizes = _weight_counts(found)
    harms = calibration.sensitivity(_LOW, sensitive_bits=_LOW)
    harm = {name: value for name, value in harms.items() if name in sizes}
    order = sorted(harm, key=lambda name: rounded(harm[name] / sizes[name]))

    def attempt(count: int) -> QuantizedModel:
        low = dict.fromkeys(order[:count], _LOW)
        return calibration.run(keep_float=keep_float, layer_bits=low)

    start = judge.score(found)
    limit = max(start.confidence, 0.0) + tolerance
    count, model, score = _largest(len(order), attempt, judge.score, limit=limit)
    if model is None:
        found.choices["weight_bits"] = Choice("8", f"no layer bears 4 bits; {start.text} at 8")
        return found
    share = sum(sizes[name] for name in order[:count]) / sum(sizes.values())
    rest = ", ".join(order[count:]) or "none"
    model.choices["weight_bits"] = Choice(
        f"4 bits in {count} of {counted(len(order), 'layer')} ({percent(share)} of the weights)",
        f"{score.text}; 8 bits stay in: {rest}",
    )
    return model


def _largest(
    most: int,
    attempt: Callable[[int], QuantizedModel],
    judged: Callable[[QuantizedModel], Score],
    *,
    limit: float,
) -> tuple[int, QuantizedModel | None, Score]:
    """Return the largest count whose model loses at most `limit`, that model and its score."""
    nothing = Score(0.0, 0.0, 0.0, np.zeros(0), "")
    best: tuple[int, QuantizedModel | None, Score] = (0, None, nothing)
    low, high = 1, most
    middle = most
    while low <= high:
        model = attempt(middle)
        score = judged(model)
        if score.confidence <= limit:
            best, low = (middle, model, score), middle + 1
        else:
            high = middle - 1
        middle = (low + high + 1) // 2
    return best


def _weight_counts(model: QuantizedModel) -> dict[str, int]:
    kinds = (QuantizedWeights, QuantizedEmbedding)
    named = model.graph.named_modules()
    return {name: layer.weight.numel() for name, layer in named if isinstance(layer, kinds)}


def _why(score: Score, start: Score) -> str:
    return f"{score.text}; all in integers: {start.text}"
