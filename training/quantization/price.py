"""What a quantized model loses, said where it is much; and whether 8 bits would lose less.

Few bits lose more on some networks than the rows held out can show beyond their standard error.
So where 2 points seem lost, 8 bits are calibrated too and judged on the same rows. Cost: that
calibration, and one pass over these rows.
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from thresher.core.choice import Choice
from thresher.core.counted import counted, percent
from thresher.core.errors import ThresherWarning

from .judge import Judge, Score
from .model import QuantizedModel
from .selection import Calibration

_FULL_BITS = 8
_MUCH = 0.05
_MUCH_FOR_BITS = 0.02


def tell_loss(
    quantized: QuantizedModel, score: Score, judge: Judge, start: Calibration, *, tolerance: float
) -> None:
    """Warn where `quantized` loses much, and note on it where 8 bits would lose less.

    Parameters
    ----------
    quantized : QuantizedModel
        The one that is returned to the user.
    score : Score
        Its own.
    judge : Judge
    start : Calibration
        How it was calibrated.
    tolerance : float
        Accuracy that may be lost.

    Warns
    -----
    ThresherWarning
        Where 8 bits lose clearly less, by 2 points or more; otherwise where more than 5 points (or
        `tolerance`) are lost, beyond the standard error.
    """
    better = _eight_bits(quantized, score, judge, start, tolerance=tolerance)
    if better is not None:
        fewest = fewest_bits(quantized)
        measured = f"{score.text}; 8 bits by calibration alone: {better.text}"
        quantized.choices["eight_bits"] = Choice("better", f"{counted(fewest, 'bit')}: {measured}")
        _warn(
            f"Few bits cost much here: {counted(fewest, 'bit')} lose {_points(score)}, 8 bits "
            f"{_points(better)} ({measured}). Take `weight_bits=8`, and `activation_bits=8`, where "
            "accuracy counts more than bytes."
        )
        return
    limit = max(tolerance, _MUCH)
    if not score.is_within(limit):
        _warn(
            f"The integer model loses more than {percent(limit)} of the held-out rows to the float "
            f"model: {score.text}. Give calibration rows like those it will see, more bits, "
            "`keep_float='auto'`, or method='qat' with more epochs."
        )


def fewest_bits(quantized: QuantizedModel) -> int:
    """Return the fewest bits that a weight or an activation has."""
    return min(quantized.rounded_to + [layer.weight_bits for layer in quantized.layers()])


def _eight_bits(
    quantized: QuantizedModel, score: Score, judge: Judge, start: Calibration, *, tolerance: float
) -> Score | None:
    """Judge 8 bits where fewer seem to lose much; return None unless they lose clearly less."""
    least = max(tolerance, _MUCH_FOR_BITS)
    if fewest_bits(quantized) >= _FULL_BITS or score.loss < least:
        return None
    full = replace(start, weight_bits=_FULL_BITS, activation_bits=_FULL_BITS)
    eight = judge.score(full.run(keep_float=quantized.float_layers))
    saved = score.loss - eight.loss
    return eight if saved >= max(least, float(np.hypot(score.error, eight.error))) else None


def _points(score: Score) -> str:
    return f"{100 * score.loss:.1f} ± {100 * score.error:.1f} points"


def _warn(text: str) -> None:
    warnings.warn(text, ThresherWarning, stacklevel=5)
