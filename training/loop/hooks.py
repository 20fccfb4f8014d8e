"""Where your own code looks into a training run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from .batches import Batch


@dataclass
class Moment:
    """The state of training that a hook sees.

    Attributes
    ----------
    model : nn.Module
        The one being trained.
    epoch, step : int
        Counted from 0; of the step or epoch that has just ended.
    epochs, total_steps : int
    lr : float
    loss : float
        Of the last batch.
    batch : Batch
        The last one; with accumulation its last part.
    logits : Tensor or None
        What the model gave for `batch`, detached; None if it gave something else.
    history : list of dict
        As in `TrainingRun`.
    judged : nn.Module or None
        The one whose quality counts: with averaged weights where there are some.
    stop : bool
        Set it to True in `Hook.on_epoch_end` to end training there. Under ``torchrun`` all
        processes must set it alike.

    Examples
    --------
    >>> from training import Hook, Moment
    >>> class Watch(Hook):
    ...     def on_step_end(self, moment: Moment) -> None:
    ...         print(f"step {moment.step} of {moment.total_steps}: {moment.loss:.3f}")
    """

    model: nn.Module
    epoch: int
    step: int
    epochs: int
    total_steps: int
    lr: float
    history: list[dict[str, Any]]
    loss: float = float("nan")
    batch: Batch | None = None
    logits: Tensor | None = None
    judged: nn.Module | None = None
    stop: bool = False


class Hook:
    """Called by `fit`. Inherit from it and write the methods you need; the others do nothing.

    A hook that keeps something returns it, as tensors and plain values, from `state`; it is
    stored in checkpoints and given back to `restore`.

    Examples
    --------
    >>> import numpy as np
    >>> from training import Hook, compact_model, fit, samples_from_arrays
    >>> class Count(Hook):
    ...     steps = 0
    ...     def on_step_end(self, moment):
    ...         self.steps += 1
    >>> x, y = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32), np.arange(64) % 2
    >>> rows = samples_from_arrays(x, row_ids=np.arange(64).astype(str), targets=y)
    >>> count = Count()
    >>> model = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> _ = fit(model, rows, epochs=2, batch_size=16, hooks=[count])
    >>> count.steps
    8
    """

    def on_batch(self, moment: Moment) -> None:
        """After the forward and backward pass of each batch, or part of one when accumulating."""

    def on_step_end(self, moment: Moment) -> None:
        """After each optimizer step."""

    def on_epoch_end(self, moment: Moment) -> None:
        """After the last step of an epoch and its validation; may set ``moment.stop``."""

    def state(self) -> dict[str, Any]:
        """Return what must survive a resume."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
