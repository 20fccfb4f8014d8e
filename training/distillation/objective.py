"""What a student learns from: its teacher's logits and hidden vectors, and the labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from thresher.core.fingerprint import fingerprint

from ..loop.batches import Batch
from ..loop.identity import model_fingerprint
from ..loop.loss import weighted_mean
from ..rows.samples import UNLABELED
from .losses import LOSSES
from .options import DistillOptions
from .relations import LastHidden, similarity_loss
from .teacher_cache import TeacherCache, teach


@dataclass(frozen=True, eq=False)
class Objective:
    """The loss of a student: how far it is from its teacher, and from the labels.

    Attributes
    ----------
    teachers : list of nn.Module
        They run along; empty where logits were given.
    cache : TeacherCache or None
        Where the teacher's logits are looked up instead.
    options : DistillOptions
        All of them.
    bf16 : bool
        Whether teachers that run along compute in bfloat16.
    hidden : list of LastHidden
        What watches student and teacher, where `relations` count.
    """

    teachers: list[nn.Module]
    cache: TeacherCache | None
    options: DistillOptions
    bf16: bool
    hidden: list[LastHidden]

    @property
    def identity(self) -> str:
        """What a checkpoint must agree with."""
        taught = [model_fingerprint(teacher) for teacher in self.teachers]
        views = 0 if self.cache is None else self.cache.views
        if self.cache is not None and not taught:
            taught = [fingerprint(self.cache.logits)]
        asked = self.options
        method = LOSSES[asked["method"]].__name__
        weights = [asked["temperature"], asked["alpha"], asked["relations"], views]
        return fingerprint(taught, method, weights)

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the weighted mean loss of the batch, float32 scalar."""
        asked, taught = self.options, self._taught(batch)
        alpha, method = asked["alpha"], LOSSES[asked["method"]]
        student = model(batch.inputs).float()
        with torch.autocast(student.device.type, enabled=False):
            codes = _codes(batch.targets, taught)
            losses = alpha * method(student, taught, codes, asked["temperature"])
            if alpha < 1 and batch.targets is not None:
                losses = losses + (1 - alpha) * F.cross_entropy(
                    student,
                    batch.targets,
                    reduction="none",
                    ignore_index=UNLABELED,
                    label_smoothing=asked["label_smoothing"],
                )
            vectors = [watch.vectors for watch in self.hidden]
            if vectors and vectors[0] is not None and vectors[1] is not None:
                losses = losses + asked["relations"] * similarity_loss(vectors[0], vectors[1])
            return weighted_mean(losses, batch.weights)

    def _taught(self, batch: Batch) -> Tensor:
        if self.cache is None:
            return teach(self.teachers, batch.inputs, bf16=self.bf16)
        device = batch.inputs.device
        return self.cache.look_up(batch.positions, epoch=batch.epoch, device=device)


def _codes(targets: Tensor | None, taught: Tensor) -> Tensor:
    """Return class codes, int64 (b,): the label, or what the teacher takes for it."""
    best = taught.argmax(1)
    if targets is None:
        return best
    if targets.ndim > 1:
        return targets.argmax(1)
    return torch.where(targets == UNLABELED, best, targets)
