"""Quantize: post-training first, training where it is needed, the better of the two kept."""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from thresher.core.choice import Choice
from thresher.core.errors import InputError, check_choice, check_number
from thresher.core.randomness import RandomState, check_random_state

from ..evaluation import predict_logits
from ..feed import Augment
from ..samples import Samples
from ..seeding import as_seed
from .calibration import calibrate
from .model import QuantizedModel
from .prepare import prepare
from .ranges import RANGE_METHODS
from .training import QatSettings, train_quantized

METHODS = ("auto", "ptq", "qat")
_FULL_BITS = 8
_LR, _LR_FEW_BITS = 1e-5, 1e-4
_HELD_OUT = 0.2
_MOST_HELD_OUT = 2000


def quantize(
    model: nn.Module,
    calibration: Samples,
    *,
    method: str = "auto",
    weight_bits: int = 8,
    activation_bits: int = 8,
    keep_float: Collection[str] = (),
    ranges: str = "mse",
    calibration_rows: int = 512,
    validation: Samples | None = None,
    tolerance: float = 0.003,
    epochs: int = 2,
    lr: float | None = None,
    batch_size: int = 128,
    qat_ranges: str = "learned",
    augment: Augment | None = None,
    device: str = "auto",
    checkpoint_dir: str | Path | None = None,
    random_state: RandomState = 0,
) -> QuantizedModel:
    """Turn a float model into one that computes in integers, as a simulation that can be exported.

    Parameters
    ----------
    model : nn.Module
        Finished float model; left as it is.
    calibration : Samples
        Rows like those the model will see. All of them train with ``method="qat"``; labels are
        used only to measure.
    method : {"auto", "ptq", "qat"}
        ``ptq`` calibrates; ``qat`` then trains the weights to follow the float model and keeps
        the better of both; ``auto`` trains only if calibration alone loses more than `tolerance`.
    weight_bits, activation_bits : int
        2 to 8.
    keep_float : collection of str
        Layers or submodules that stay in float.
    ranges : {"minmax", "moving_average", "percentile", "mse", "entropy"}
        How calibration chooses the range of an activation.
    calibration_rows : int
        Most rows used for that.
    validation : Samples, optional
        Rows to judge on. By default a fifth of `calibration`, at most 2,000 rows, is held out.
    tolerance : float
        Accuracy that may be lost before ``auto`` trains; 0.003 is .3 points.
    epochs, lr, batch_size, qat_ranges, augment, device, checkpoint_dir
        Of quantization-aware training, as in `fit`; `qat_ranges` is ``"learned"`` (LSQ) or
        ``"moving_average"``; `lr` is 1e-5 for 8 bits and 1e-4 below, where there is more to mend.
    random_state : int, numpy.random.Generator or None

    Returns
    -------
    QuantizedModel
        In evaluation mode; ``choices`` tells what was measured and chosen.

    Raises
    ------
    InputError
        When an option is unknown, there are no rows, or the model is no fixed graph.
    """
    check_choice("method", method, METHODS)
    check_choice("ranges", ranges, RANGE_METHODS)
    check_number("calibration_rows", calibration_rows, low=1)
    check_number("tolerance", tolerance, low=0, high=1)
    seed = as_seed(random_state)
    if lr is None:
        lr = _LR if min(weight_bits, activation_bits) == _FULL_BITS else _LR_FEW_BITS
    settings = QatSettings(epochs=epochs, lr=lr, batch_size=batch_size, ranges=qat_ranges)
    training, judged = _split(calibration, validation, seed=seed)
    quantized = prepare(
        model,
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        keep_float=keep_float,
        pixels=calibration.inputs.dtype == torch.uint8,
    )
    calibrate(quantized, _spread(training, calibration_rows), method=ranges)
    judge = _Judge(model, judged, device=device)
    calibrated = judge.score(quantized)
    quantized.choices["calibration"] = Choice(ranges, f"{calibrated.text} after calibration alone")
    if method == "ptq" or (method == "auto" and calibrated.loss <= tolerance):
        quantized.choices["method"] = Choice("ptq", _why_ptq(method, calibrated, tolerance))
        return quantized.eval()
    trained = copy.deepcopy(quantized)
    train_quantized(
        trained,
        model,
        training,
        settings=settings,
        augment=augment,
        device=device,
        checkpoint_dir=checkpoint_dir,
        random_state=seed,
    )
    return _better(quantized, calibrated, trained, judge.score(trained)).eval()


@dataclass(frozen=True)
class _Score:
    """How a quantized model does on the held-out rows beside its float self."""

    loss: float
    divergence: float
    text: str


class _Judge:
    def __init__(self, model: nn.Module, samples: Samples, *, device: str) -> None:
        self.samples, self.device = samples, device
        self.logits = predict_logits(model, samples, device=device)

    def score(self, quantized: QuantizedModel) -> _Score:
        logits = predict_logits(quantized, self.samples, device=self.device)
        same = float((logits.argmax(1) == self.logits.argmax(1)).mean())
        divergence = _divergence(self.logits, logits)
        targets = self.samples.targets
        if targets is None:
            return _Score(1 - same, divergence, f"{same:.2%} agreement with float")
        before, after = (
            float((found.argmax(1) == targets.numpy()).mean()) for found in (self.logits, logits)
        )
        text = f"accuracy {after:.2%} (float {before:.2%}), {same:.2%} agreement"
        return _Score(before - after, divergence, f"{text} on {len(targets)} held-out rows")


def _divergence(teacher: np.ndarray, student: np.ndarray) -> float:
    log_p, log_q = (_log_softmax(logits.astype(np.float64)) for logits in (teacher, student))
    return float((np.exp(log_p) * (log_p - log_q)).sum(1).mean())


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(1, keepdims=True)
    result: np.ndarray = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return result


def _better(
    calibrated: QuantizedModel, before: _Score, trained: QuantizedModel, after: _Score
) -> QuantizedModel:
    """Keep the one nearer to the float model; accuracy on few rows is too coarse to decide."""
    measured = (
        f"training: {after.text}; calibration alone: {before.text}; divergence from float "
        f"{after.divergence:.2g} against {before.divergence:.2g}"
    )
    trained.choices = dict(calibrated.choices)
    if after.divergence <= before.divergence:
        trained.choices["method"] = Choice("qat", measured)
        return trained
    calibrated.choices["method"] = Choice("ptq", f"training made it worse; {measured}")
    return calibrated


def _why_ptq(method: str, score: _Score, tolerance: float) -> str:
    if method == "ptq":
        return "asked for"
    return f"{score.text}: within the tolerance of {tolerance:.2%}, so training was not needed"


def _split(
    calibration: Samples, validation: Samples | None, *, seed: int
) -> tuple[Samples, Samples]:
    """Return rows to calibrate and train on, and others to judge on."""
    if len(calibration) < 2 and validation is None:
        raise InputError(
            f"Quantization needs at least 2 calibration rows to hold one out, got "
            f"{len(calibration)}. Give more, or give `validation`."
        )
    if validation is not None:
        return calibration, validation
    held_out = min(max(round(len(calibration) * _HELD_OUT), 1), _MOST_HELD_OUT)
    order = check_random_state(seed).permutation(len(calibration))
    return calibration.take(np.sort(order[held_out:])), calibration.take(np.sort(order[:held_out]))


def _spread(samples: Samples, most: int) -> Samples:
    """Take at most `most` rows at equal distances, so that sorted data is seen in full."""
    if len(samples) <= most:
        return samples
    return samples.take(np.linspace(0, len(samples) - 1, most).round().astype(np.int64))
