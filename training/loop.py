"""The training loop: one for all models, losses and devices."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import torch
from torch import nn

from thresher.core.choice import Choice, choose_device
from thresher.core.errors import InputError, check_number
from thresher.core.fingerprint import fingerprint
from thresher.core.progress import message, track
from thresher.core.randomness import RandomState

from .batches import BatchPlan
from .checkpoint import Checkpoints
from .checks import check_samples, measure_normalization
from .ema import WeightAverage
from .evaluation import evaluate
from .feed import Augment, Feed, Mix
from .hooks import Hook, Moment
from .loss import CrossEntropy, Loss
from .optim import build_optimizer
from .precision import choose_precision
from .run import TrainingRun
from .samples import Samples
from .schedule import learning_rate_factor
from .seeding import as_seed, own_torch_rng
from .settings import Settings
from .state import EpochSums, TrainingState
from .step import Stepper


def fit(
    model: nn.Module,
    samples: Samples,
    *,
    epochs: int,
    validation: Samples | None = None,
    batch_size: int = 128,
    optimizer: str = "sgd",
    lr: float | None = None,
    weight_decay: float | None = None,
    schedule: str = "one_cycle",
    warmup: float | None = None,
    label_smoothing: float = 0.0,
    ema: float | None = None,
    clip_norm: float | None = None,
    accumulate: int = 1,
    patience: int | None = None,
    augment: Augment | None = None,
    mix: Mix | None = None,
    loss: Loss | None = None,
    precision: str = "auto",
    device: str = "auto",
    checkpoint_dir: str | Path | None = None,
    checkpoint_every_s: float = 60.0,
    random_state: RandomState = 0,
    hooks: Sequence[Hook] = (),
) -> TrainingRun:
    """Train `model` in place.

    Equal seeds, inputs and thread counts give equal bits on a CPU, and a run that was stopped at
    any moment and called again with the same `checkpoint_dir` ends with the same bits too.

    Parameters
    ----------
    model : nn.Module
        Maps inputs to logits (n, classes).
    samples : Samples
        Training rows; their weights count in the loss.
    epochs : int
        Passes over the rows.
    validation : Samples, optional
        Judged after every epoch, with the averaged weights where there are some.
    batch_size : int
        Rows of an optimizer step; batches of an epoch are equally large, one row more or less.
    optimizer : str
        ``"sgd"`` or ``"adamw"``.
    lr : float, optional
        Peak learning rate; by default 0.2 for SGD and 0.002 for AdamW.
    weight_decay : float, optional
        By default 5e-4 for SGD and 0.01 for AdamW; biases and norms never decay.
    schedule : str
        ``"one_cycle"``, ``"cosine"`` or ``"constant"``.
    warmup : float, optional
        Share of the run in which the rate rises.
    label_smoothing : float
        Of the default loss.
    ema : float, optional
        Decay of a running average of the weights, which then is the result.
    clip_norm : float, optional
        Largest norm of the whole gradient.
    accumulate : int
        Parts that a batch is computed in, for memory.
    patience : int, optional
        Stop when the validation accuracy has not risen for so many epochs, and return the best.
    augment : callable, optional
        ``(inputs, row_keys uint64, epoch) -> inputs`` on the training device.
    mix : callable, optional
        ``(inputs, targets, row_keys, epoch) -> (inputs, soft targets)``, after `augment`.
    loss : callable, optional
        ``(model, Batch) -> scalar``, the mean over the batch; cross-entropy by default.
    precision : str
        ``"auto"``, ``"fp32"`` or ``"bf16"`` (autocast).
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    checkpoint_dir : path-like, optional
        Where to go on from, and to write to.
    checkpoint_every_s : float
        Seconds between checkpoints; there is one at the end of each epoch in any case.
    random_state : int, numpy.random.Generator or None
        Order of rows, dropout. A run that is to be resumed needs an int.
    hooks : sequence of Hook
        Your code at the end of batches, steps and epochs.

    Returns
    -------
    TrainingRun

    Raises
    ------
    InputError
        When model, samples and settings do not fit together, or the checkpoint is another run's.
    DivergedError
        When the loss is not finite; names step, epoch and learning rate.
    """
    settings = Settings(
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        lr=Settings.default_lr(optimizer, lr),
        weight_decay=Settings.default_decay(optimizer, weight_decay),
        schedule=schedule,
        warmup=warmup,
        label_smoothing=label_smoothing,
        ema=ema,
        clip_norm=clip_norm,
        accumulate=accumulate,
        patience=patience,
        seed=as_seed(random_state),
    )
    check_number("checkpoint_every_s", checkpoint_every_s, low=0)
    if patience is not None and validation is None:
        raise InputError("`patience` needs `validation` rows to watch.")
    check_samples(model, samples, validation=validation, needs_targets=loss is None)
    choices = {"device": choose_device(device)}
    place = choices["device"].value
    choices["precision"] = choose_precision(model, precision, device=place)
    if batch_size > len(samples):
        choices["batch_size"] = Choice(str(len(samples)), "there are no more rows")
    measure_normalization(model, samples.inputs)
    checkpoints = None
    if checkpoint_dir is not None:
        if not isinstance(random_state, int):
            raise InputError("With `checkpoint_dir`, `random_state` must be an int.")
        identity = _identity(model, samples, settings, parts=(augment, mix, loss))
        checkpoints = Checkpoints(checkpoint_dir, identity=identity, every_s=checkpoint_every_s)
    loop = _Loop(
        model,
        settings=settings,
        feed=Feed(samples, device=place, augment=augment, mix=mix),
        loss=loss or CrossEntropy(label_smoothing),
        validation=validation,
        choices=choices,
        checkpoints=checkpoints,
        hooks=tuple(hooks),
    )
    with own_torch_rng(settings.seed, device=place), closing(loop.stepper):
        return loop.run()


def _identity(
    model: nn.Module, samples: Samples, settings: Settings, *, parts: Sequence[object]
) -> dict[str, str]:
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    arrays = [samples.inputs.contiguous().numpy(), samples.row_ids]
    arrays += [part.numpy() for part in (samples.targets, samples.weights) if part is not None]
    named = [getattr(part, "__qualname__", type(part).__qualname__) for part in parts]
    return {
        "architecture": fingerprint(shapes),
        "samples": fingerprint(*arrays),
        "callables": ", ".join(named),
        **{name: str(value) for name, value in vars(settings).items()},
    }


class _Loop:
    def __init__(
        self,
        model: nn.Module,
        *,
        settings: Settings,
        feed: Feed,
        loss: Loss,
        validation: Samples | None,
        choices: dict[str, Choice],
        checkpoints: Checkpoints | None,
        hooks: tuple[Hook, ...],
    ) -> None:
        self.settings = settings
        self.validation = validation
        self.choices = choices
        self.checkpoints = checkpoints
        device = choices["device"].value
        self.home = next(model.parameters()).device
        model.to(device)
        if any(isinstance(layer, nn.Conv2d) for layer in model.modules()):
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = build_optimizer(
            model, settings.optimizer, lr=settings.lr, weight_decay=settings.weight_decay
        )
        average = None if settings.ema is None else WeightAverage(model, decay=settings.ema)
        self.state = TrainingState(model, optimizer, average, hooks, device)
        self.plan = BatchPlan(len(feed.samples), batch_size=settings.batch_size, seed=settings.seed)
        self.total = settings.epochs * self.plan.steps_per_epoch
        self.stepper = Stepper(
            self.state, feed=feed, loss=loss, settings=settings, precision=choices["precision"]
        )

    def run(self) -> TrainingRun:
        state = self.state
        saved = None if self.checkpoints is None else self.checkpoints.latest()
        if saved is not None:
            state.restore(saved)
            message(f"going on from step {state.step} of {self.total}")
        began = time.perf_counter() - state.seconds
        for step in track(range(state.step, self.total), description="train"):
            if state.stopped:
                break
            self._step(step)
            state.seconds = time.perf_counter() - began
            if state.step % self.plan.steps_per_epoch == 0:
                self._end_epoch()
            elif self.checkpoints is not None and self.checkpoints.due():
                self._save()
        return self._finish()

    def _step(self, step: int) -> None:
        state = self.state
        state.model.train()
        epoch = step // self.plan.steps_per_epoch
        lr = self.settings.lr * learning_rate_factor(
            step, self.total, schedule=self.settings.schedule, warmup=self.settings.warmup
        )
        self.moment = Moment(
            model=state.model,
            epoch=epoch,
            step=step,
            epochs=self.settings.epochs,
            total_steps=self.total,
            lr=lr,
            history=state.history,
        )
        self.stepper.step(self.plan.positions(step), self.moment)
        state.step = step + 1
        for hook in state.hooks:
            hook.on_step_end(self.moment)

    def _end_epoch(self) -> None:
        state, settings = self.state, self.settings
        entry = {"epoch": self.moment.epoch + 1, "step": state.step, "lr": self.moment.lr}
        entry |= state.sums.entry() | {"seconds": state.seconds}
        state.sums = EpochSums()
        if self.validation is not None:
            judged = evaluate(state.judged_model, self.validation, device=state.device)
            entry["validation_accuracy"] = judged.accuracy
            entry["validation_loss"] = judged.loss
        state.history.append(entry)
        if settings.patience is not None:
            state.remember_best(entry["validation_accuracy"])
            state.stopped = len(state.history) - state.best["epoch"] >= settings.patience
        for hook in state.hooks:
            hook.on_epoch_end(self.moment)
        left = state.seconds / state.step * (self.total - state.step)
        message(_line(entry, settings.epochs) + f", {left:.0f} s left")
        if self.checkpoints is not None:
            self._save()

    def _save(self) -> None:
        if self.checkpoints is not None:
            self.checkpoints.save(self.state.to_dict(), step=self.state.step)

    def _finish(self) -> TrainingRun:
        state = self.state
        if self.settings.patience is not None:
            state.model.load_state_dict(state.best["weights"])
            entry = state.history[state.best["epoch"] - 1]
            self.choices["epochs"] = Choice(
                str(state.best["epoch"]), "the epoch of the best validation accuracy"
            )
        else:
            state.model.load_state_dict(state.judged_model.state_dict())
            entry = state.history[-1]
        numbers = ("loss", "accuracy", "validation_accuracy", "validation_loss")
        return TrainingRun(
            model=state.model.to(self.home).eval(),
            history=state.history,
            metrics={name: entry[name] for name in numbers if name in entry},
            flops=state.flops_per_row * state.rows_seen,
            rows_seen=state.rows_seen,
            seconds=state.seconds,
            seed=self.settings.seed,
            choices=self.choices,
        )


def _line(entry: dict[str, float], epochs: int) -> str:
    named = [f"epoch {entry['epoch']}/{epochs}", f"loss {entry['loss']:.3f}"]
    if "accuracy" in entry:
        named.append(f"accuracy {entry['accuracy']:.3f}")
    if "validation_accuracy" in entry:
        named.append(f"validation {entry['validation_accuracy']:.3f}")
    return ", ".join(named)
