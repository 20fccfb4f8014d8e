"""The options of training, each declared once: kind, default, meaning.

`fit` takes all of them; `distill`, `quantize` and `search_compact` hand theirs on to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypedDict

from thresher.core.choice import DEVICES
from thresher.core.options import Option, filled
from thresher.core.randomness import RandomState

from ..optimizers.optim import DEFAULT_DECAY, DEFAULT_LR, OPTIMIZERS
from ..optimizers.schedule import SCHEDULES
from ..torch_runtime.compiling import COMPILED
from ..torch_runtime.precision import PRECISIONS
from .feed import Augment, Mix
from .hooks import Hook


class StepOptions(TypedDict, total=False):
    """How the weights move: batches, optimizer, learning rate, averages."""

    batch_size: Annotated[
        int,
        Option(
            128,
            "Rows of an optimizer step; batches of an epoch are equally large, one row more or "
            "less.",
            low=1,
        ),
    ]
    optimizer: Annotated[
        str,
        Option(
            "sgd",
            "By which rule weights follow gradients: Nesterov's momentum, AdamW, or Muon.",
            choices=OPTIMIZERS,
        ),
    ]
    lr: Annotated[
        float | None,
        Option(
            None,
            "Peak learning rate; by default 0.2 for SGD, 0.002 for AdamW, 0.06 for Muon.",
            low=0,
            low_open=True,
        ),
    ]
    weight_decay: Annotated[
        float | None,
        Option(
            None,
            "By default 5e-4 for SGD, 0.01 for AdamW, 0.05 for Muon; biases and norms never decay.",
            low=0,
        ),
    ]
    schedule: Annotated[
        str, Option("one_cycle", "How the learning rate goes over the run.", choices=SCHEDULES)
    ]
    warmup: Annotated[
        float | None, Option(None, "Share of the run in which the rate rises.", low=0, high=1)
    ]
    ema: Annotated[
        float | None,
        Option(
            None,
            "Decay of a running average of the weights, which then is the result.",
            low=0,
            high=0.999999,
        ),
    ]
    clip_norm: Annotated[
        float | None, Option(None, "Largest norm of the whole gradient.", low=1e-12)
    ]
    accumulate: Annotated[int, Option(1, "Parts that a batch is computed in, for memory.", low=1)]


class WeightOptions(StepOptions, total=False):
    """All that shapes the weights beside rows, model and loss."""

    label_smoothing: Annotated[
        float, Option(0.0, "Share of each label given to all classes.", low=0, high=0.99)
    ]
    patience: Annotated[
        int | None,
        Option(
            None,
            "Stop when the validation accuracy has not risen for so many epochs, and return the "
            "best.",
            low=1,
        ),
    ]
    first_size: Annotated[
        int | None,
        Option(
            None,
            "Shorter side, in pixels, that images are shrunk to in the first epochs, which then "
            "cost less; see `resizing`.",
            low=1,
        ),
    ]
    first_share: Annotated[
        float, Option(0.7, "Share of the epochs that `first_size` holds for.", low=0, high=1)
    ]


class RunOptions(TypedDict, total=False):
    """How rows are changed, and where and in which numbers training computes."""

    augment: Annotated[
        Augment | None,
        Option(None, "``(inputs, row_keys uint64, epoch) -> inputs`` on the training device."),
    ]
    mix: Annotated[
        Mix | None,
        Option(
            None,
            "``(inputs, targets, row_keys, epoch) -> (inputs, soft targets)``, after `augment`.",
        ),
    ]
    precision: Annotated[
        str,
        Option(
            "auto",
            "Numbers to compute in: float32, bfloat16 by autocast, or what suits layers and "
            "processor.",
            choices=PRECISIONS,
        ),
    ]
    compiled: Annotated[
        str,
        Option(
            "auto",
            "Whether ``torch.compile`` is used; see `compiling`.",
            choices=COMPILED,
        ),
    ]
    device: Annotated[str, Option("auto", "Where to compute.", choices=DEVICES)]


class SessionOptions(TypedDict, total=False):
    """What a run starts from, what it leaves, and who looks on."""

    checkpoint_dir: Annotated[
        str | Path | None, Option(None, "Folder to go on from, and to write to.")
    ]
    checkpoint_every_s: Annotated[
        float,
        Option(
            60.0,
            "Seconds between checkpoints; there is one at the end of each epoch in any case.",
            low=0,
        ),
    ]
    random_state: Annotated[
        RandomState,
        Option(0, "Order of rows, dropout. A run that is to be resumed needs an int."),
    ]
    hooks: Annotated[
        Sequence[Hook], Option((), "Your code at the end of batches, steps and epochs.")
    ]


class FitOptions(WeightOptions, RunOptions, SessionOptions, total=False):
    """All options of training but the number of epochs."""

    sharded: Annotated[
        bool,
        Option(
            False,
            "Under ``torchrun``: spread the weights over the processes (FSDP2) instead of a copy "
            "each; see `sharding`. Checkpoints are then written at the end of epochs only.",
        ),
    ]


class TrainingOptions(WeightOptions):
    """What shapes the weights and how long they are trained: what a recipe sets."""

    epochs: Annotated[int, Option(None, "Passes over the rows.")]


def rates(options: WeightOptions) -> tuple[float, float]:
    """Return peak learning rate and weight decay; where none is given, those of the optimizer."""
    optimizer, lr, decay = options["optimizer"], options["lr"], options["weight_decay"]
    return (
        DEFAULT_LR[optimizer] if lr is None else lr,
        DEFAULT_DECAY[optimizer] if decay is None else decay,
    )


def resolve(options: FitOptions, *, epochs: int) -> TrainingOptions:
    """Return all that shapes the weights: what was given, and what is usual elsewhere."""
    found = filled(TrainingOptions, {**options, "epochs": epochs})
    found["lr"], found["weight_decay"] = rates(found)
    return found
