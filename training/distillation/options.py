"""The options of distillation, declared once."""

from __future__ import annotations

from typing import Annotated

from thresher.core.options import Option

from ..loop.options import FitOptions
from .losses import LOSSES


class DistillOptions(FitOptions, total=False):
    """How the student learns from its teacher, and all options of `fit`."""

    temperature: Annotated[
        float,
        Option(
            4.0,
            "Above 1 softens both distributions, so that the smaller probabilities count.",
            low=0,
            low_open=True,
        ),
    ]
    alpha: Annotated[
        float,
        Option(
            0.9,
            "Weight of the teacher; the labels have 1 − `alpha`. Without labels it is 1.",
            low=0,
            high=1,
        ),
    ]
    method: Annotated[
        str,
        Option(
            "kd",
            "How logits are compared; see `training.distillation.losses`.",
            choices=tuple(LOSSES),
        ),
    ]
    relations: Annotated[
        float,
        Option(
            0.0,
            "Weight of `similarity_loss`: the student is to find the same rows alike as the "
            "(first) teacher does, within a batch or, with `accumulate` or several processes, a "
            "part of it. Needs a teacher that runs along.",
            low=0,
        ),
    ]
