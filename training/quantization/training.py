"""Quantization-aware training: the weights adapt to the rounding while it happens.

The teacher is the float model itself, so no label is needed and the result is drawn back to what
the float model does: self-distillation with the Kullback–Leibler divergence. Learned ranges are
LSQ (Esser et al. 2020); moving-average ranges are those of Jacob et al. (2018).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from thresher.core.errors import check_choice
from thresher.core.randomness import RandomState

from ..loop.batches import Batch
from ..loop.feed import Augment
from ..loop.fit import fit
from ..loop.loss import weighted_mean
from ..loop.run import TrainingRun
from ..rows.samples import Samples
from ..torch_runtime.precision import choose_precision
from .model import QuantizedModel

LEARNING = ("learned", "moving_average")


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


@dataclass(frozen=True)
class QatSettings:
    """How quantization-aware training runs on a finished float model.

    Attributes
    ----------
    epochs : int
    lr : float
        Peak rate of AdamW, one cycle.
    batch_size : int
    ranges : {"learned", "moving_average"}
    """

    epochs: int
    lr: float
    batch_size: int
    ranges: str

    def __post_init__(self) -> None:
        check_choice("qat_ranges", self.ranges, LEARNING)


def train_quantized(
    model: QuantizedModel,
    teacher: nn.Module,
    samples: Samples,
    *,
    settings: QatSettings,
    augment: Augment | None = None,
    device: str = "auto",
    precision: str = "auto",
    checkpoint_dir: str | Path | None = None,
    random_state: RandomState = 0,
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
    """
    learning = settings.ranges == "learned"
    for quantizer in model.quantizers():
        quantizer.scale.requires_grad_(learning)
        quantizer.follow = not learning
    for layer in model.weighted():
        layer.learn_scale(learning)
    run = fit(
        model,
        samples,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        optimizer="adamw",
        lr=settings.lr,
        weight_decay=0.0,
        clip_norm=1.0,
        augment=augment,
        loss=SelfDistillation(_frozen(teacher, device)),
        precision=choose_precision(teacher, precision, device=_place(device)).value,
        device=device,
        checkpoint_dir=checkpoint_dir,
        random_state=random_state,
    )
    for quantizer in model.quantizers():
        quantizer.follow = False
        quantizer.scale.requires_grad_(False)
    for layer in model.weighted():
        layer.learn_scale(False)
    return run


def _frozen(teacher: nn.Module, device: str) -> nn.Module:
    return copy.deepcopy(teacher).to(_place(device)).eval().requires_grad_(False)


def _place(device: str) -> str:
    from thresher.core.choice import choose_device

    return choose_device(device).value
