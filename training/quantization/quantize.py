"""Quantize: post-training first, training where it is needed, the better of the two kept."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Collection
from typing import Annotated, Unpack

import numpy as np
from torch import nn

from thresher.core.choice import Choice, choose_device
from thresher.core.counted import percent
from thresher.core.errors import (
    InputError,
    ThresherWarning,
    check_choice,
    check_count,
    told,
)
from thresher.core.exported.portability import WEIGHT_RANGES
from thresher.core.numerics.spacing import equally_spaced
from thresher.core.options import Option, filled, picked, with_defaults
from thresher.core.randomness import check_random_state
from thresher.core.signatures import checked

from ..rows.samples import Samples
from ..torch_runtime.precision import choose_precision
from ..torch_runtime.seeding import as_seed
from .judge import Judge, Score
from .model import QuantizedModel
from .price import fewest_bits, tell_loss
from .ranges import RANGE_METHODS
from .selection import MIXED, Calibration, leave_in_float, mix_bits
from .training import QAT_DEFAULTS, QatOptions, train_quantized, usual_training

METHODS = ("auto", "ptq", "qat")
_FULL_BITS = 8
_LEAST_GAIN = 0.01
_HELD_OUT = 0.2
_MOST_HELD_OUT = 2000


class QuantizeOptions(QatOptions, total=False):
    """Options of calibration and of quantization-aware training."""

    epochs: Annotated[
        int | None,
        Option(None, "Passes over the rows; by default as many as the bits need.", low=1),
    ]
    weight_range: Annotated[
        str,
        Option(
            "portable",
            "``portable`` keeps 8-bit weights of convolutions and linear layers within ±64, with "
            "which the exported file gives the same answers on every processor. ``full`` uses "
            "±127, for machines known to add in 32 bits (x86 with VNNI, Arm); elsewhere its sums "
            "saturate.",
            choices=WEIGHT_RANGES,
        ),
    ]
    sensitive_bits: Annotated[
        int,
        Option(
            8,
            "Where fewer bits are asked for: the least bits of the first and the last layers, and "
            "of values that none but these multiply, such as the terms of a sum. A table of "
            "tokens is no first layer.",
            low=2,
            high=8,
        ),
    ]
    ranges: Annotated[
        str,
        Option(
            "mse",
            "How calibration chooses the range of an activation.",
            choices=tuple(RANGE_METHODS),
        ),
    ]
    calibration_rows: Annotated[int, Option(512, "Most rows used for that.", low=1)]
    tolerance: Annotated[
        float,
        Option(
            0.003,
            "Accuracy that may be lost, beyond the standard error of what the held-out rows can "
            "tell, before ``auto`` trains; 0.003 is 0.3 points.",
            low=0,
            high=1,
        ),
    ]


@checked
@with_defaults(**QAT_DEFAULTS)
def quantize(
    model: nn.Module,
    calibration: Samples,
    *,
    method: str = "auto",
    weight_bits: int | str = 8,
    activation_bits: int = 8,
    keep_float: Collection[str] | str = (),
    validation: Samples | None = None,
    **options: Unpack[QuantizeOptions],
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
        the better of both, the trained ones where the rows cannot tell; ``auto`` trains only if
        calibration alone loses more than `tolerance`, and keeps it where it is clearly better.
    weight_bits : int or "mixed"
        2 to 8; ``"mixed"`` gives 4 bits to as many weights as `tolerance` allows, 8 to the rest.
    activation_bits : int
        2 to 8.
    keep_float : collection of str or "auto"
        Layers or submodules that stay in float; ``"auto"`` leaves up to three of the most
        sensitive ones so if that brings the loss within `tolerance`.
    validation : Samples, optional
        Rows to judge on. By default a fifth of `calibration`, at most 2,000 rows, is held out.
    **options
        Of calibration, and of the training that ``method="ptq"`` does without: by default 2 passes
        at a rate of 1e-5 for 8 bits, about 300 steps (4 to 40 passes) at 5e-4 for fewer. Give
        `augment` where the model was trained with it.

    Returns
    -------
    QuantizedModel
        In evaluation mode; ``choices`` tells what was measured and chosen.

    Warns
    -----
    ThresherWarning
        When fewer than 8 bits lose 2 points or more that calibrated 8 bits would not
        (``choices["eight_bits"]``); when more than 5 points (or `tolerance`) are lost, beyond the
        standard error; and when training ends with an error: calibration alone is returned.

    Raises
    ------
    InputError
        When an option is unknown, there are no rows, or the model is no fixed graph.

    Examples
    --------
    >>> import numpy as np
    >>> from training import compact_model, quantize, samples_from_arrays
    >>> x, y = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32), np.arange(64) % 2
    >>> rows = samples_from_arrays(x, row_ids=np.arange(64).astype(str), targets=y)
    >>> model = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> quantize(model, rows, method="ptq").choices["method"].value
    'ptq'
    """
    check_choice("method", method, METHODS)
    asked = filled(QuantizeOptions, options)
    tolerance = asked["tolerance"]
    seed = as_seed(asked["random_state"])
    bits = _check_bits(weight_bits)
    training, judged = _split(calibration, validation, seed=seed)
    judge = Judge(model, judged, device=asked["device"])
    start = Calibration(
        model,
        _spread(training, asked["calibration_rows"]),
        weight_bits=bits,
        activation_bits=activation_bits,
        sensitive_bits=asked["sensitive_bits"],
        weight_range=asked["weight_range"],
        ranges=asked["ranges"],
    )
    quantized = _calibrated(
        start, judge, keep_float=keep_float, mixed=weight_bits == MIXED, tolerance=tolerance
    )
    calibrated = judge.score(quantized)
    alone = f"{calibrated.text} after calibration alone"
    quantized.choices["calibration"] = Choice(asked["ranges"], alone)
    kept, score = quantized, calibrated
    if method == "ptq" or (method == "auto" and calibrated.is_within(tolerance)):
        quantized.choices["method"] = Choice("ptq", _why_ptq(method, calibrated, tolerance))
    else:
        trained = _trained(quantized, model, training, options={**options, "random_state": seed})
        if isinstance(trained, Exception):
            _warn_of_failure(quantized, calibrated, trained)
        else:
            after = judge.score(trained)
            kept = _better(quantized, calibrated, trained, after, named=method)
            score = after if kept is trained else calibrated
    tell_loss(kept, score, judge, start, tolerance=tolerance)
    return kept.eval()


def _trained(
    quantized: QuantizedModel, model: nn.Module, training: Samples, *, options: QuantizeOptions
) -> QuantizedModel | Exception:
    """Return a copy that was trained to follow the float model, or what its training ended with.

    The numbers that training computes in are noted on the calibrated model.
    """
    trained, asked = copy.deepcopy(quantized), filled(QuantizeOptions, options)
    usual = usual_training(
        len(training), bits=fewest_bits(quantized), batch_size=asked["batch_size"]
    )
    epochs = asked["epochs"] or usual["epochs"]
    place = choose_device(asked["device"]).value
    quantized.choices["precision"] = choose_precision(model, asked["precision"], device=place)
    own = picked(QatOptions, {**options, "lr": asked["lr"] or usual["lr"]})
    try:
        train_quantized(trained, model, training, epochs=epochs, **own)
    except InputError:
        raise  # of an option
    except Exception as error:
        return error
    return trained


def _check_bits(weight_bits: int | str) -> int:
    """Return the bits of the layers that have none of their own."""
    if isinstance(weight_bits, str):
        check_choice("weight_bits", weight_bits, (MIXED,))
        return _FULL_BITS
    return check_count("weight_bits", weight_bits, low=2, high=8)


def _calibrated(
    start: Calibration,
    judge: Judge,
    *,
    keep_float: Collection[str] | str,
    mixed: bool,
    tolerance: float,
) -> QuantizedModel:
    """Calibrate, and choose layers to keep in float and their bits where that is asked for."""
    choices: dict[str, Choice] = {}
    kept: Collection[str] = ()
    if isinstance(keep_float, str):
        check_choice("keep_float", keep_float, ("auto",))
        quantized = leave_in_float(start, judge, tolerance=tolerance, whole=start.run())
        choices, kept = dict(quantized.choices), quantized.float_layers
    else:
        kept = keep_float
        quantized = start.run(keep_float=kept)
    if mixed:
        quantized = mix_bits(start, judge, tolerance=tolerance, keep_float=kept)
    quantized.choices = choices | quantized.choices
    return quantized


def _better(
    calibrated: QuantizedModel,
    before: Score,
    trained: QuantizedModel,
    after: Score,
    *,
    named: str,
) -> QuantizedModel:
    """Keep the one nearer to the float model; accuracy on few rows is too coarse to decide.

    A difference within its standard error, or of less than a hundredth, decides nothing, for
    another machine's last bits could turn it: training is then kept where it was asked for by
    name, and not otherwise.
    """
    gain, error = after.gain_over(before)
    measured = (
        f"training: {after.text}; calibration alone: {before.text}; divergence from float "
        f"{after.divergence:.2g} against {before.divergence:.2g}, gain {gain:.2g} ± {error:.2g}"
    )
    trained.choices = dict(calibrated.choices)
    clear = abs(gain) > max(error, _LEAST_GAIN * before.divergence)
    if gain > 0 if clear else named == "qat":
        text = measured if clear else f"asked for, and no different from calibration; {measured}"
        trained.choices["method"] = Choice("qat", text)
        return trained
    why = "training made it worse" if clear else "training made no difference"
    calibrated.choices["method"] = Choice("ptq", f"{why}; {measured}")
    return calibrated


def _warn_of_failure(calibrated: QuantizedModel, score: Score, error: Exception) -> None:
    """Say that training ended with an error, and that calibration alone is kept."""
    why = f"training ended with an error: {told(error)}"
    calibrated.choices["method"] = Choice("ptq", f"{why}; {score.text} after calibration alone")
    warnings.warn(
        f"Quantization-aware {why} The calibrated model is returned. A lower `lr` may help.",
        ThresherWarning,
        stacklevel=4,
    )


def _why_ptq(method: str, score: Score, tolerance: float) -> str:
    if method == "ptq":
        return "asked for"
    allowed = (
        f"the tolerance of {percent(tolerance, digits=2)} (standard error "
        f"{percent(score.error, digits=2)})"
    )
    return f"{score.text}: within {allowed}, so training was not needed"


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
    return samples.take(equally_spaced(len(samples), most))
