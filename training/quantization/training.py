"""Quantization-aware training: the weights adapt to the rounding while it happens.

The teacher is the float model itself, so no label is needed and the result is drawn back to what
the float model does: self-distillation with the Kullback–Leibler divergence. Learned ranges are
LSQ (Esser et al. 2020); moving-average ranges are those of Jacob et al. (2018).
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Annotated, TypedDict, Unpack

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from thresher.core.choice import choose_device
from thresher.core.options import Option, filled, picked

from ..loop.batches import Batch
from ..loop.fit import fit
from ..loop.loss import weighted_mean
from ..loop.options import FitOptions, RunOptions, SessionOptions, StepOptions
from ..loop.run import TrainingRun
from ..rows.samples import Samples
from ..torch_runtime.precision import choose_precision
from .model import QuantizedModel
from .steps import followed_ranges, learned_steps

LEARNING = ("learned", "moving_average")
_FULL_BITS = 8
_LR, _LR_FEW_BITS = 1e-5, 5e-4
_EPOCHS, _STEPS_FEW_BITS, _FEWEST_EPOCHS, _MOST_EPOCHS = 2, 300, 4, 40
# A finished model is moved a little: few steps at a low rate that nothing pulls back to zero.
QAT_DEFAULTS: StepOptions = {"optimizer": "adamw", "weight_decay": 0.0, "clip_norm": 1.0}


@dataclass(frozen=True, eq=False)
class SelfDistillation:
    """Kullback–Leibler divergence of the quantized model from its float self on the same rows.

    Attributes
    ----------
    teacher : nn.Module
        The float model.
    temperature : float
        Softens both distributions; the loss is multiplied by its square (Hinton et al. 2015).
    """

    teacher: nn.Module
    temperature: float = 2.0

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the weighted mean loss of the batch, float32 scalar."""
        with torch.no_grad():
            target = self.teacher(batch.inputs).float() / self.temperature
        logits = model(batch.inputs).float() / self.temperature
        divergence = F.kl_div(
            logits.log_softmax(1), target.log_softmax(1), reduction="none", log_target=True
        ).sum(1)
        return weighted_mean(divergence, batch.weights) * self.temperature**2


class UsualTraining(TypedDict):
    """How long and at which peak rate."""

    epochs: int
    lr: float


def usual_training(n_rows: int, *, bits: int, batch_size: int) -> UsualTraining:
    """Return how long and at which rate a model of so few bits is trained.

    Few bits need steps, whatever the number of rows.
    """
    if bits >= _FULL_BITS:
        return UsualTraining(epochs=_EPOCHS, lr=_LR)
    passes = math.ceil(_STEPS_FEW_BITS / math.ceil(n_rows / batch_size))
    return UsualTraining(epochs=min(max(passes, _FEWEST_EPOCHS), _MOST_EPOCHS), lr=_LR_FEW_BITS)


class QatOptions(StepOptions, RunOptions, SessionOptions, total=False):
    """Options of quantization-aware training."""

    qat_ranges: Annotated[
        str,
        Option(
            "learned",
            "Whether the ranges of activations are learned (LSQ) or follow what is seen.",
            choices=LEARNING,
        ),
    ]


def train_quantized(
    model: QuantizedModel,
    teacher: nn.Module,
    samples: Samples,
    *,
    epochs: int,
    **options: Unpack[QatOptions],
) -> TrainingRun:
    """Train a calibrated quantized model, in place, to follow its float self.

    Parameters
    ----------
    model : QuantizedModel
        Calibrated.
    teacher : nn.Module
        The float model; left as it is.
    samples : Samples
        Labels are not used.
    epochs : int
        Passes over the rows.
    **options
        Those of `QAT_DEFAULTS` where none are given.
    """
    asked = filled(QatOptions, options)
    place = choose_device(asked["device"]).value
    options["precision"] = choose_precision(teacher, asked["precision"], device=place).value
    frozen = copy.deepcopy(teacher).to(place).eval().requires_grad_(False)
    steps = learned_steps if asked["qat_ranges"] == "learned" else followed_ranges
    with steps(model):
        return fit(
            model,
            samples,
            epochs=epochs,
            loss=SelfDistillation(frozen),
            **picked(FitOptions, {**QAT_DEFAULTS, **options}),
        )
